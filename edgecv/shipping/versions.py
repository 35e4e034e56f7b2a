"""What becomes of a version on a device before it is live: sent, built, tried out."""

from __future__ import annotations

import re
from collections.abc import Callable

from edgecv.bundle import Bundle
from edgecv.errors import EdgecvError
from edgecv.shipping.archive import write_archive
from edgecv.shipping.place import Place
from edgecv.shipping.remote import words

# when, in UTC and by the device's clock, and of which manifest: sorted by name they are by time
VERSION = re.compile(r"\d{8}-\d{6}-[0-9a-f]{12}")
FRAMES, TEST_S = 10, 120


def send(place: Place, bundle: Bundle, sent: Callable[[int], None]) -> None:
    """Copy a bundle; it gets its name there when it was verified.

    Args:
        place: where to.
        bundle: what.
        sent: called with each piece's bytes.

    Raises:
        EdgecvError: it did not arrive; nothing is left there.
    """
    folder = words(f"{place.path}/{place.version}")
    done = place.remote.run(
        f"{place.command} bundle unpack - --out {folder}",
        feed=lambda stream: write_archive(bundle, stream, sent),
    )
    if done.status:
        raise place.fail("the bundle did not arrive", done)


def engine_for(place: Place, bundle: Bundle, asked: str | None) -> str | None:
    """What has to be built there: what was asked for, else tensorrt where it can be, or nothing.

    Raises:
        EdgecvError: it cannot be built there, or `edgecv doctor` fails.
    """
    if asked is None and not any(one.engine == "tensorrt" for one in bundle.manifest.variants):
        return None
    engine = asked or "tensorrt"
    builds, note = place.ask(
        "edgecv doctor failed",
        lambda told: (told["engines"][engine]["build"], told["engines"][engine]["note"]),
        *("doctor", "--json"),
    )
    if asked is not None and not builds:
        raise EdgecvError(
            f"{place.remote.destination}: {asked} cannot be built there: {note}. See there: "
            f"{place.command} doctor"
        )
    return engine if builds else None


def build(place: Place, engine: str) -> None:
    """Build an engine of the new version.

    Raises:
        EdgecvError: it cannot be built there.
    """
    done = place.edgecv("build", f"{place.path}/{place.version}", "--engine", engine)
    if done.status:
        raise place.fail(f"{engine} cannot be built", done)


def try_out(place: Place, source: str, engine: str | None) -> tuple[str, float]:
    """Run the new version on a few frames; gives its variant and frames a second.

    Args:
        place: where it is.
        source: of the frames.
        engine: None: what `edgecv run` takes there.

    Raises:
        EdgecvError: it does not get through them.
    """
    limits = ("--policy", "every", "--max-frames", str(FRAMES), "--duration", str(TEST_S))
    choice = () if engine is None else ("--engine", engine)
    processed, variant, fps = place.ask(
        f"the test on {FRAMES} frames failed",
        lambda told: (
            *(int(told["processed"]), str(told["variant"])),
            float(told["end_to_end_fps"] or 0),
        ),
        *("run", f"{place.path}/{place.version}", "--source", source, *choice, *limits, "--json"),
    )
    if processed != FRAMES:
        raise EdgecvError(
            f"{place.remote.destination}: the test failed: {processed} of {FRAMES} "
            f"frames of {source} came through in {TEST_S} s"
        )
    return variant, fps


def outlived(place: Place, keep: int) -> list[str]:
    """The names of old versions that have to go; the one to go back to is the last of them."""
    names = sorted((name for name in place.old if VERSION.fullmatch(name)), reverse=True)
    names.sort(key=lambda name: f"versions/{name}" != place.before)
    return sorted(names[keep:])
