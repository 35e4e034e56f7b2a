"""Credentials of addresses, kept out of a unit, which every user of a machine can read.

The unit names a variable, `rtsp://${EDGECV_SECRET_1}@camera`, which `edgecv run` itself looks up:
systemd would put the value into the command line. A file that root alone reads holds the values.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecv.cli._run_addresses import CREDENTIALS, REFERENCE
from edgecv.errors import UsageError
from edgecv.shipping.keys import write_secret

PREFIX = "EDGECV_SECRET_"


def hidden(words: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Words of a command line with variables for credentials, and the values of these.

    Raises:
        UsageError: a control character in a credential.
    """
    values: dict[str, str] = {}

    def variable(match: re.Match[str]) -> str:
        if REFERENCE.search(match[0]):
            return match[0]  # by the hand of who wrote it
        if not match[0].isprintable():
            raise UsageError("a URL with a control character before its @; write it as %09")
        name = f"{PREFIX}{len(values) + 1}"
        values[name] = match[0]
        return f"${{{name}}}"

    return tuple(CREDENTIALS.sub(variable, word) for word in words), values


def masked(values: Mapping[str, str]) -> str:
    """The lines of the file as they may be shown."""
    users = {name: value.partition(":") for name, value in values.items()}
    return "".join(
        f"{name}={user}:***\n" if colon else f"{name}=***\n"
        for name, (user, colon, _) in users.items()
    )


def names_in(path: Path) -> set[str]:
    """The variables that a file sets; none where it is not there or may not be read."""
    try:
        return {line.partition("=")[0].strip() for line in _lines_of(path) if "=" in line}
    except PermissionError:
        return set()


def keep(path: Path, values: Mapping[str, str]) -> None:
    """Write the values into a file for root alone; those of an earlier call go, other lines stay.

    Raises:
        OSError: it cannot be written.
    """
    before = _lines_of(path)
    lines = [line for line in before if not line.startswith(PREFIX)]
    lines += [f'{name}="{_escaped(value)}"' for name, value in values.items()]
    if lines == before and not values:
        return
    if not lines:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    content = "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
    write_secret(temporary, content)
    os.replace(temporary, path)


def _lines_of(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return path.read_text("utf-8", "surrogateescape").removesuffix("\n").split("\n")


def _escaped(value: str) -> str:
    # systemd.exec(5), EnvironmentFile=: as a shell reads it between double quotes
    return re.sub(r'(["\\`$])', r"\\\1", value)
