"""The systemd unit that keeps `edgecv run` going: what it says, and why each line is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MARK = "# Written by edgecv service install."
# from this version on systemd waits longer after each failure by itself
STEPS_SINCE = 254
# what an engine may take to open, and a first result to come: OpenVINO and CUDA compile
START_S, WATCHDOG_S, STOP_S = 300, 60, 30
GROUPS = ("video", "render")

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
    systemd: int


def unit_of(service: Service) -> str:
    """The text of the unit."""
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
WorkingDirectory={_escaped(str(service.folder))}
User={service.user}
{_line("SupplementaryGroups", " ".join(service.groups))}\
# secrets, such as EDGECV_TOKEN: mode 600, one NAME=VALUE a line
EnvironmentFile=-{_escaped(str(service.environment))}
Environment=EDGECV_CACHE=%C/{service.name}
CacheDirectory={service.name}
Restart=always
{_backoff(service.systemd)}\
TimeoutStartSec={START_S}
TimeoutStopSec={STOP_S}
WatchdogSec={WATCHDOG_S}
# the first to end is edgecv itself, which then ends what it started
KillMode=mixed
MemoryMax={service.memory_max}
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
    text = _escaped(word)
    if word and not set(word) & set(" \t\n\r\"'\\;"):
        return text
    for plain, escape in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("\n", "\\n"),
        ("\t", "\\t"),
        ("\r", "\\r"),
    ):
        text = text.replace(plain, escape)
    return f'"{text}"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _line(key: str, value: str) -> str:
    return f"{key}={value}\n" if value else ""


def _backoff(systemd: int) -> str:
    if systemd < STEPS_SINCE:
        return "RestartSec=10\n"
    return "RestartSec=1\nRestartSteps=6\nRestartMaxDelaySec=60\n"
