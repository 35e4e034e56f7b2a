"""A folder on a device that holds versions of a bundle, taken for the time of a deployment.

PATH/versions/NAME/    bundles, complete and verified
PATH/current           a link to the one that runs
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgecv import __version__
from edgecv.errors import EdgecvError, UsageError
from edgecv.shipping.remote import NOT_FOUND, Done, Remote, words
from edgecv.shipping.talk import Talk

# holds the lock there, switches, and goes back by itself
SCRIPT = Path(__file__).with_name("on_device.sh")
# how long a service must stay up after it said that it is ready
SETTLE_S = 5.0
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Place:
    """Where on a device a bundle lives; nobody else deploys there now.

    Attributes:
        remote: the device.
        command: how edgecv is called there, as words of a shell.
        path: absolute, links resolved.
        version: the new one, as versions/NAME; nothing of it is there yet.
        before: the last one that is known to work, as versions/NAME; empty: none.
        unjudged: what is live where a deployment was cut off before its service came up; or empty.
        service: whether a service runs `current`.
        old: names of what is in versions/.
        talk: the script there that holds the lock.
    """

    remote: Remote
    command: str
    path: str
    version: str
    before: str
    unjudged: str
    service: bool
    old: tuple[str, ...]
    talk: Talk

    def edgecv(self, *arguments: str) -> Done:
        """Call edgecv there."""
        return self.remote.run(f"{self.command} {words(*arguments)}")

    def ask(self, failed: str, read: Callable[[Any], Answer], *arguments: str) -> Answer:
        """What is read from the JSON that edgecv prints there.

        Raises:
            EdgecvError: it fails, which `failed` says, or prints something else.
        """
        done = self.edgecv(*arguments)
        if done.status:
            raise self.fail(failed, done)
        try:
            return read(_json_of(done.out))
        except (KeyError, TypeError, ValueError) as error:
            raise EdgecvError(
                f"{self.remote.destination}: {failed}: '{self.command}' there does not answer as "
                f"edgecv {__version__} does. Update it there, or see what --remote-command calls"
            ) from error

    def fail(self, what: str, done: Done) -> EdgecvError:
        """The error of a step that failed."""
        return EdgecvError(f"{self.remote.destination}: {what}: {done.reason}")

    def go_live(self, gone: list[str]) -> tuple[list[str], list[str]]:
        """Switch to the new version, start its service again, then remove some of the old.

        Gives the names of those that are gone, and of what could not be removed.

        The device does this by itself, to the end, also when nobody listens any more.

        Raises:
            EdgecvError: the service did not come up; what was live before is live again, or the
                message says why not.
        """
        self.talk.tell(" ".join(["live", *gone]))
        then = f"It goes on by itself, if it had begun: ask there, readlink {self.path}/current"
        found = self.talk.answer(then)
        return found["removed"].split(), found["stuck"].split()


@contextmanager
def take_place(
    remote: Remote, command: str, path: str, digest: str, service: str
) -> Iterator[Place]:
    """Make the folder on a device and lock it, for the block; and see that edgecv is there.

    A version that is not live when the block ends is removed there.

    Args:
        remote: the device.
        command: how edgecv is called there.
        path: absolute, or relative to the home there.
        digest: of the bundle that is to come.
        service: its name without `.service`; empty: none is to be started again.

    Raises:
        UsageError: the home of somebody else, or no name of a folder.
        EdgecvError: no edgecv, or a folder that cannot be used, or is used now.
    """
    folder = re.sub(r"^~(/+|$)", "", path) or "."
    if folder.startswith("~"):
        raise UsageError(f"--path {path}: only '~/' is known; give the absolute path")
    if re.search(r"[\x00-\x1f\x7f]", folder):
        raise UsageError(f"--path {path!r}: expected a name that fits on a line")
    version = remote.run(f"{command} --version")
    if version.status == NOT_FOUND or not (version.status or "edgecv" in version.out):
        raise EdgecvError(
            f"{remote.destination}: '{command}' is no edgecv there. Install it on the device, or "
            "say where it is: --remote-command /home/me/venv/bin/edgecv"
        )
    if version.status:
        raise EdgecvError(f"{remote.destination}: '{command}' does not run: {version.reason}")
    script = SCRIPT.read_text("utf-8")
    with remote.talk(script, "deploy", folder, digest, service, str(SETTLE_S)) as talk:
        found = talk.answer("Call again")
        yield Place(
            remote=remote,
            command=command,
            path=found["path"],
            version=f"versions/{found['name']}",
            before=found["before"],
            unjudged=found["unjudged"],
            service=bool(found["runs"]),
            old=tuple(found["old"].split()),
            talk=talk,
        )


def _json_of(out: str) -> Any:
    """The object in it; what a shell prints when it starts may stand round it."""
    for begin in re.finditer("{", out):
        try:
            return json.JSONDecoder().raw_decode(out, begin.start())[0]
        except ValueError:
            continue
    raise ValueError("no object")
