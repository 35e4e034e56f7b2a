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
from edgecv.shipping.keys import TRUSTED_VARIABLE
from edgecv.shipping.unit import GROUPS, Service

STATE = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts", "MemoryCurrent",
         "ActiveEnterTimestamp", "StatusText")  # fmt: skip
ENVIRONMENT = Path("/etc/edgecv")
# where the keys are: who is trusted, and whose own key seals what was built
TRUST = (TRUSTED_VARIABLE, "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")


def check_name(context: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse what is no name of a unit."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", value):
        raise click.BadParameter("letters, digits, - and _ only")
    return value


def check_memory(context: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse a limit that systemd would pass over."""
    share = re.fullmatch(r"(\d{1,3})%", value)
    size = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)[KMGT]", value)
    right = 1 <= int(share[1]) <= 100 if share else size is not None and float(size[1]) > 0
    if not right and value != "infinity":
        raise click.BadParameter(f"'{value}': expected such as 2G, 1500M, 75% or infinity")
    return value


def parsed(bundle: Path, run_options: tuple[str, ...]) -> dict[str, Any]:
    """The options of `edgecv run`, as click understands them.

    Raises:
        UsageError, click.UsageError: options that run does not take.
    """
    from edgecv.cli.run import command

    if str(bundle).startswith("-"):
        raise UsageError(f"{bundle}: the bundle comes first, then the options of edgecv run")
    try:
        return command.make_context("edgecv run", [str(bundle), *run_options]).params
    except click.MissingParameter as error:
        raise UsageError(
            f"{bundle}: a service needs to know what to look at. Add --source 0 for the first "
            "camera of this machine, or --source rtsp://CAMERA/STREAM for one in the network"
        ) from error


def service_of(
    bundle: Path, run_options: tuple[str, ...], name: str, user: str | None, memory_max: str
) -> Service:
    """The service of a call of `edgecv run`.

    Args:
        bundle: where it is, or a link to it.
        run_options: the words after it, without secrets.
        name, user, memory_max: of the unit; no user: who calls.

    Raises:
        UsageError, click.UsageError: options that run does not take, or a user or folder that is
            not there.
    """
    given = parsed(bundle, run_options)
    # not resolved: a link may lead elsewhere at the next start
    command = (*_program(), "run", os.path.abspath(bundle), *run_options)
    variables = _variables()
    keys = [path for _, paths in variables for path in paths.split(":")]
    return Service(
        name=name,
        command=command,
        user=_user(user),
        groups=tuple(group for group in GROUPS if _has_group(group)),
        folder=Path.cwd(),
        memory_max=memory_max,
        writable=_writable(given),
        private_tmp=not needs_tmp((*command, *keys), given["sources"]),
        environment=environment_of(name),
        variables=variables,
        systemd=systemd_version(),
    )


def environment_of(name: str) -> Path:
    """Where the secrets of a service are."""
    return ENVIRONMENT / f"{name}.env"


def needs_tmp(words: tuple[str, ...], sources: tuple[str, ...]) -> bool:
    """Whether a call reads or writes in /tmp: it lies there, or has a CSI camera's socket there."""
    camera = any(source.startswith(("csi:", "gst:")) for source in sources)
    named = [*words, *(source.partition("://")[2] for source in sources), str(Path.cwd())]
    return camera or any(word.startswith(("/tmp/", "/var/tmp/")) for word in named)  # noqa: S108


def _variables() -> tuple[tuple[str, str], ...]:
    """What decides here which bundles are trusted; systemd passes on nothing by itself."""
    found = ((name, os.environ.get(name, "").split(":")) for name in TRUST)
    return tuple(
        (name, ":".join(os.path.abspath(path) for path in paths if path))
        for name, paths in found
        if any(paths)
    )


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
