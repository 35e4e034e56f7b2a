"""What the unit of a service needs to know about this machine and its command line."""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from edgecv.errors import EdgecvError, UsageError
from edgecv.shipping.unit import GROUPS, Service

STATE = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts", "MemoryCurrent",
         "ActiveEnterTimestamp", "StatusText")  # fmt: skip


def check_name(context: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse what is no name of a unit."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", value):
        raise click.BadParameter("letters, digits, - and _ only")
    return value


def service_of(
    bundle: Path, run_options: tuple[str, ...], name: str, user: str | None, memory_max: str
) -> Service:
    """The service of a call of `edgecv run`.

    Raises:
        UsageError, click.UsageError: options that run does not take, or that make no sense here.
    """
    given = _parsed(bundle, run_options)
    if given["show"]:
        raise UsageError("--show: a service has no window. Take --serve")
    if not re.fullmatch(r"\d+(\.\d+)?[KMGT%]|\d{7,}|infinity", memory_max):
        raise UsageError(f"--memory-max {memory_max}: expected such as 2G, 1500M or 75%")
    # not resolved: a link may lead elsewhere at the next start
    command = (*_program(), "run", os.path.abspath(bundle), *run_options)
    return Service(
        name=name,
        command=command,
        user=_user(user),
        groups=tuple(group for group in GROUPS if _has_group(group)),
        folder=Path.cwd(),
        memory_max=memory_max,
        writable=_writable(given),
        private_tmp=not needs_tmp(command, given["sources"]),
        environment=Path(f"/etc/edgecv/{name}.env"),
        systemd=systemd_version(),
    )


def needs_tmp(command: tuple[str, ...], sources: tuple[str, ...]) -> bool:
    """Whether a call reads or writes in /tmp: it lies there, or has a CSI camera's socket there."""
    camera = any(source.startswith(("csi:", "gst:")) for source in sources)
    words = [*command, *(source.partition("://")[2] for source in sources), str(Path.cwd())]
    return camera or any(word.startswith(("/tmp/", "/var/tmp/")) for word in words)  # noqa: S108


def _parsed(bundle: Path, run_options: tuple[str, ...]) -> dict[str, Any]:
    from edgecv.cli.run import command

    if str(bundle).startswith("-"):
        raise UsageError(f"{bundle}: the bundle comes first, then the options of edgecv run")
    return command.make_context("edgecv run", [str(bundle), *run_options]).params


def _program() -> tuple[str, ...]:
    # beside its interpreter: a service has no PATH that leads into a virtual environment
    script = Path(sys.executable).with_name("edgecv")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "edgecv")


def _user(asked: str | None) -> str:
    name = asked or os.environ.get("SUDO_USER") or getpass.getuser()
    try:
        pwd.getpwnam(name)
    except KeyError as error:
        raise UsageError(f"--user {name}: this machine has no such user") from error
    return name


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _writable(given: dict[str, Any]) -> tuple[Path, ...]:
    files = [given[key] for key in ("save", "jsonl", "mot") if given[key] not in (None, Path("-"))]
    folders = [Path(os.path.abspath(file)).parent for file in files]
    if given["crops"] is not None:
        folders.append(Path(os.path.abspath(given["crops"])))
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; the service writes there. Make it first")
    return tuple(sorted(set(folders)))


def systemd_version() -> int:
    """Of this machine; 0 where there is none."""
    try:
        told = subprocess.run(["systemctl", "--version"], capture_output=True, text=True).stdout
    except OSError:
        return 0
    found = re.match(r"systemd (\d+)", told)
    return int(found[1]) if found else 0


def systemd_runs() -> bool:
    """Whether systemd is in charge here; its programs may be there without it."""
    return Path("/run/systemd/system").is_dir()


def state_of(name: str) -> dict[str, str]:
    """What systemd says of a service: the keys of STATE.

    Raises:
        EdgecvError: no systemd here.
    """
    asked = ["systemctl", "show", f"{name}.service", f"--property={','.join(STATE)}"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True)
    except OSError as error:
        raise EdgecvError(f"no systemctl here ({error.strerror}); is this the device?") from error
    if done.returncode:
        raise EdgecvError(f"systemctl: {done.stderr.strip().partition(chr(10))[0]}")
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {key: found.get(key, "") for key in STATE}
