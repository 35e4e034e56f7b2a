"""What becomes of a version on a device: sent, built, tried out, live, old, gone."""

from __future__ import annotations

import re
import time
from pathlib import Path

from edgecv.bundle import MANIFEST, Bundle, sha256_of
from edgecv.errors import EdgecvError
from edgecv.shipping.archive import write_archive
from edgecv.shipping.place import Place
from edgecv.shipping.remote import words

# when, in UTC, and of which manifest: sorted by name they are sorted by time
VERSION = re.compile(r"\d{8}-\d{6}-[0-9a-f]{12}")
FRAMES, TEST_S = 10, 120


def version_of(bundle: Bundle) -> str:
    """The folder of a new version, relative to the place."""
    when = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return f"versions/{when}-{sha256_of(bundle.path(MANIFEST))[:12]}"


def send(place: Place, bundle: Bundle, version: str) -> None:
    """Copy a bundle; it gets its name there when it was verified.

    Raises:
        EdgecvError: it did not arrive; nothing is left there.
    """
    # of copies that a power cut ended, and not of one that somebody else makes now
    place.remote.run(
        f"find {words(place.path)}/versions -maxdepth 1 -name '.unpack-*' -mmin +60 "
        "-exec rm -rf {} +"
    )
    folder = words(f"{place.path}/{version}")
    done = place.remote.run(
        f"{place.command} bundle unpack - --out {folder}",
        feed=lambda stream: write_archive(bundle, stream),
    )
    if done.status:
        raise place.fail("the bundle did not arrive", done)


def engine_for(place: Place, bundle: Bundle) -> str | None:
    """What has to be built there: tensorrt where it can be, else nothing.

    Raises:
        EdgecvError: `edgecv doctor` fails there.
    """
    if not any(variant.engine == "tensorrt" for variant in bundle.manifest.variants):
        return None
    told = place.ask("edgecv doctor failed", "doctor", "--json")
    return "tensorrt" if told["engines"]["tensorrt"]["build"] else None


def build(place: Place, version: str, engine: str) -> None:
    """Build an engine of a version.

    Raises:
        EdgecvError: it cannot be built there.
    """
    done = place.edgecv("build", f"{place.path}/{version}", "--engine", engine)
    if done.status:
        raise place.fail(f"{engine} cannot be built", done)


def try_out(place: Place, version: str, source: str) -> float:
    """Run a version on a few frames; gives its frames a second.

    Raises:
        EdgecvError: it does not get through them.
    """
    limits = ("--policy", "every", "--max-frames", str(FRAMES), "--duration", str(TEST_S))
    folder = f"{place.path}/{version}"
    failed = f"the test on {FRAMES} frames failed"
    told = place.ask(failed, "run", folder, "--source", source, *limits, "--json")
    if told["processed"] != FRAMES:
        raise EdgecvError(
            f"{place.remote.destination}: the test failed: {told['processed']} of {FRAMES} "
            f"frames of {source} came through in {TEST_S} s"
        )
    return float(told["end_to_end_fps"] or 0)


def switch(place: Place, version: str) -> None:
    """Let `current` lead to a version, in one step; an empty one takes it away.

    Raises:
        EdgecvError: it cannot be done.
    """
    change = (
        f"ln -sfn {words(version)} .next && mv -fT .next current" if version else "rm -f current"
    )
    done = place.remote.run(f"cd {words(place.path)} && {change}")
    if done.status:
        raise place.fail("current cannot be changed", done)


def remove(place: Place, version: str) -> None:
    """Remove a version that does not run."""
    place.remote.run(f"rm -rf {words(f'{place.path}/{version}')}")


def prune(place: Place, live: str, keep: int) -> list[str]:
    """Remove all but the live version and so many before it; gives what was removed."""
    listed = place.remote.run(f"ls -1 {words(f'{place.path}/versions')}")
    names = sorted(name for name in listed.out.splitlines() if VERSION.fullmatch(name))
    old = [name for name in names if name != Path(live).name]
    gone = old[: max(0, len(old) - keep)]
    for name in gone:
        remove(place, f"versions/{name}")
    return gone
