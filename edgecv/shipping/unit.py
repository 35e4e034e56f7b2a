"""The systemd unit that keeps `edgecv run` going: what it says, and why each line is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgecv.errors import UsageError

MARK = "# Written by edgecv service install."
# from this version on systemd waits longer after each failure by itself
STEPS_SINCE = 254
# what an engine may take to open, and a first result to come: OpenVINO and CUDA compile
START_S, WATCHDOG_S, STOP_S = 300, 60, 30
GROUPS = ("video", "render")
# control characters, and bytes that are no UTF-8
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# Not among them, since a camera or a GPU would be lost: PrivateDevices and ProtectClock (both hide
# /dev), MemoryDenyWriteExecute (engines compile to machine code), PrivateTmp with CSI cameras
# (nvargus-daemon's socket is in /tmp).
_HARDENING = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native
"""


@dataclass(frozen=True)
class Service:
    """What to run, as whom.

    Attributes:
        name: of the unit, without `.service`.
        command: program and arguments, unquoted; the program is absolute.
        user: who runs it.
        groups: those of GROUPS that this machine has.
        folder: where relative paths of the command begin.
        memory_max: as systemd writes it: 2G, or 75% of all.
        writable: folders outside the cache that it writes to.
        private_tmp: whether it gets a /tmp of its own.
        environment: a file of NAME=VALUE lines that may be there, for secrets.
        variables: names and values that all may see.
        systemd: its version on this machine, 0 when unknown.
    """

    name: str
    command: tuple[str, ...]
    user: str
    groups: tuple[str, ...]
    folder: Path
    memory_max: str
    writable: tuple[Path, ...]
    private_tmp: bool
    environment: Path
    variables: tuple[tuple[str, str], ...]
    systemd: int


def unit_of(service: Service) -> str:
    """The text of the unit, which every user can read.

    Raises:
        UsageError: a name that a unit cannot hold.
    """
    variables = " ".join(_quoted(f"{name}={value}") for name, value in service.variables)
    writable = [*service.writable, *([] if service.private_tmp else [Path("/tmp")])]  # noqa: S108
    return f"""\
{MARK} Changes made here are lost when it is called again.
[Unit]
Description=edgecv run ({service.name})
Wants=network-online.target
After=network-online.target nvargus-daemon.service
# a camera that is away for a weekend must not end the attempts
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={" ".join(map(quoted, service.command))}
WorkingDirectory={_plain(str(service.folder))}
User={service.user}
{_line("SupplementaryGroups", " ".join(service.groups))}\
# secrets, such as EDGECV_TOKEN and passwords of addresses: mode 600, one NAME=VALUE a line
EnvironmentFile=-{_plain(str(service.environment))}
Environment={f"EDGECV_CACHE=%C/{service.name} {variables}".rstrip()}
CacheDirectory={service.name}
Restart=always
{_backoff(service.systemd)}\
TimeoutStartSec={START_S}
TimeoutStopSec={STOP_S}
WatchdogSec={WATCHDOG_S}
# the first to end is edgecv itself, which then ends what it started
KillMode=mixed
MemoryMax={service.memory_max}
# or what leaks would go to swap first, for hours
MemorySwapMax=0
# the threads of a CPU's engine take that much back: they are as urgent as other services
Nice=-5
StandardOutput=journal
StandardError=journal
SyslogIdentifier={service.name}
{_HARDENING}\
{_line("PrivateTmp", "yes" if service.private_tmp else "")}\
{_line("ReadWritePaths", " ".join(_quoted(str(path)) for path in writable))}\

[Install]
WantedBy=multi-user.target
"""


def quoted(word: str) -> str:
    """A word of a command line as systemd reads it back.

    Source: systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers".
    """
    return _quoted(word.replace("$", "$$"))


def _quoted(word: str) -> str:
    if word and not set(word) & set(" \t\n\r\"'\\;"):
        return _escaped(word)
    for plain, escape in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("\n", "\\n"),
        ("\t", "\\t"),
        ("\r", "\\r"),
    ):
        word = word.replace(plain, escape)
    return f'"{_escaped(word)}"'


def _plain(path: str) -> str:
    """A value that stands to the end of its line; a backslash there would go on with the next."""
    if path != path.strip() or path.endswith("\\"):
        raise UsageError(f"{path!r}: a unit cannot hold how this name ends. Call it elsewhere")
    return _escaped(path)


def _escaped(text: str) -> str:
    # a line's end would begin another setting
    found = _UNWRITABLE.search(text)
    if found is not None:
        raise UsageError(f"{text!r}: holds {found[0]!r}, which a unit cannot. Name it otherwise")
    return text.replace("%", "%%")


def _line(key: str, value: str) -> str:
    return f"{key}={value}\n" if value else ""


def _backoff(systemd: int) -> str:
    if systemd < STEPS_SINCE:
        return "RestartSec=10\n"
    return "RestartSec=1\nRestartSteps=6\nRestartMaxDelaySec=60\n"
