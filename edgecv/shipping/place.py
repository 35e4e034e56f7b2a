"""A folder on a device that holds versions of a bundle, and edgecv there.

PATH/versions/NAME/    bundles, complete and verified
PATH/current           a link to the one that runs
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edgecv.errors import EdgecvError
from edgecv.shipping.remote import NOT_FOUND, Done, Remote, words


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
