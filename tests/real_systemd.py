"""A real systemd that runs nothing but the units of a test, in namespaces of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from programs import program

# what a service waits for by default, empty; the machine's own units are never looked at
TARGETS = ("sysinit", "basic", "shutdown", "multi-user", "network-online")
# its own /run; of cgroups only the second version, which it can share with nobody
BEGIN = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd /run/lock
mount -t tmpfs tmpfs /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /var/cache
exec "$0" --system --unit=multi-user.target --show-status=no --log-target=console
"""


class Systemd:
    """One that runs.

    Attributes:
        units: where it looks for units.
        inside: the words before a command that reaches it.
    """

    def __init__(self, units: Path, process_id: int) -> None:
        self.units = units
        self.inside = ["nsenter", "-t", str(process_id), "--mount", "--pid"]

    def ctl(self, *arguments: str) -> str:
        """What systemctl prints; raises when it fails."""
        done = subprocess.run(
            [*self.inside, "systemctl", *arguments], capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read(self, path: str) -> str:
        """A file as its processes see it."""
        done = subprocess.run([*self.inside, "cat", path], capture_output=True, check=True)
        return done.stdout.decode()

    def show(self, unit: str, key: str) -> str:
        return self.ctl("show", unit, "--value", f"--property={key}").strip()


@contextmanager
def real_systemd(folder: Path) -> Iterator[Systemd]:
    """Start one for the block; skips where that cannot be done."""
    systemd = program("/lib/systemd/systemd", "systemd")
    if os.geteuid() != 0 or Path("/run/systemd/system").exists():
        pytest.skip("another systemd is in charge here, or namespaces are not for this user")
    units = folder / "units"
    units.mkdir(parents=True)
    for name in TARGETS:
        (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    with (folder / "systemd.log").open("wb") as log:
        process = subprocess.Popen(
            [*("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc"),
             *("bash", "-c", BEGIN, systemd)],
            env={"PATH": os.environ["PATH"], "container": "unshare",
                 "SYSTEMD_UNIT_PATH": str(units)},
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield _started(process, units)
        finally:
            process.kill()
            process.wait(10)


def _started(process: subprocess.Popen[bytes], units: Path) -> Systemd:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(100):
        time.sleep(0.1)
        if process.poll() is not None:
            pytest.skip("no systemd can be started in namespaces here")
        child = children.read_text().split()
        if child:
            made = Systemd(units, int(child[0]))
            told = subprocess.run(
                [*made.inside, "systemctl", "is-active", "multi-user.target"], capture_output=True
            )
            if told.stdout == b"active\n":
                return made
    raise RuntimeError((units.parent / "systemd.log").read_text())
