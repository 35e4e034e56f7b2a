"""What a deployment does on the device, step by step.

PATH/versions/NAME/    bundles, complete and verified
PATH/current           a link to the one that runs
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecv.bundle import MANIFEST, Bundle, sha256_of
from edgecv.errors import EdgecvError
from edgecv.shipping.archive import write_archive
from edgecv.shipping.remote import NOT_FOUND, Done, Remote, words

# when, in UTC, and of which manifest: sorted by name they are sorted by time
VERSION = re.compile(r"\d{8}-\d{6}-[0-9a-f]{12}")
FRAMES, TEST_S = 10, 120
# how long a service must stay up after it said that it is ready
SETTLE_S = 5.0


@dataclass(frozen=True)
class Place:
    """Where on a device a bundle lives.

    Attributes:
        remote: the device.
        command: how edgecv is called there, as words of a shell.
        path: absolute, links resolved.
        asked: the same with the links that lead there.
        before: what `current` leads to, as versions/NAME; empty: nothing yet.
    """

    remote: Remote
    command: str
    path: str
    asked: str
    before: str

    def edgecv(self, *arguments: str) -> Done:
        """Call edgecv there."""
        return self.remote.run(f"{self.command} {words(*arguments)}")

    def ask(self, failed: str, *arguments: str) -> dict[str, Any]:
        """The JSON that edgecv prints there.

        Raises:
            EdgecvError: it fails, or prints something else; `failed` says what did.
        """
        done = self.edgecv(*arguments)
        try:
            told: dict[str, Any] = json.loads("" if done.status else done.out)
        except ValueError as error:
            raise self.fail(failed, done) from error
        return told

    def fail(self, what: str, done: Done) -> EdgecvError:
        """The error of a step that failed."""
        return EdgecvError(f"{self.remote.destination}: {what}: {done.reason}")


def find_place(remote: Remote, command: str, path: str) -> Place:
    """Make the folder on a device, and see that edgecv is there.

    Raises:
        EdgecvError: no edgecv, or a folder that cannot be used.
    """
    version = remote.run(f"{command} --version")
    if version.status == NOT_FOUND:
        raise EdgecvError(
            f"{remote.destination}: no '{command}' there. Install edgecv on the device, or say "
            "where it is: --remote-command /home/me/venv/bin/edgecv"
        )
    if version.status:
        raise EdgecvError(f"{remote.destination}: '{command}' does not run: {version.reason}")
    folder = words(path.removeprefix("~/"))
    made = remote.run(
        f"mkdir -p {folder}/versions && cd {folder} && pwd -P && pwd -L && "
        "if [ -L current ]; then readlink current; "
        "elif [ -e current ]; then echo current is no link >&2; exit 1; fi"
    )
    if made.status:
        raise EdgecvError(f"{remote.destination}: {path} cannot be used: {made.reason}")
    lines = [*made.out.splitlines(), ""]
    return Place(remote, command, *lines[:3])


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


def has_service(place: Place, name: str) -> bool:
    """Whether a service there runs what `current` leads to."""
    unit = place.remote.run(f"systemctl cat {words(f'{name}.service')}").out
    return any(f"{path}/current" in unit for path in (place.path, place.asked))


def restart(place: Place, name: str) -> None:
    """Start a service again, and see that it comes up and stays up.

    A unit of `edgecv service install` says that it is ready with its first result, so that this
    waits for one.

    Raises:
        EdgecvError: it does not.
    """
    unit = words(f"{name}.service")
    done = place.remote.run(
        f"if [ $(id -u) = 0 ]; then systemctl restart {unit}; "
        f"else sudo -n systemctl restart {unit}; fi"
    )
    if done.status:
        raise place.fail(f"service {name} does not come up", done)
    first = _state(place, unit)
    time.sleep(SETTLE_S)
    state = _state(place, unit)
    # the count goes on from what ran before, where that was failing
    if state != first or "ActiveState=active" not in state:
        told = " ".join(sorted(state)) or "systemctl does not know it"
        raise EdgecvError(
            f"{place.remote.destination}: service {name} does not stay up ({told}). "
            f"See there: journalctl -u {name}"
        )


def _state(place: Place, unit: str) -> set[str]:
    shown = place.remote.run(f"systemctl show {unit} --property=ActiveState,NRestarts")
    return set(shown.out.split())
