"""A real sshd on loopback, with keys made for the occasion, and what a device has besides."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker import free_port
from programs import program

ROOT = Path(__file__).parents[1]

# systemd runs on no build machine: what it is asked is logged, and how it answers is in files
SYSTEMCTL = """\
#!/bin/sh
cd {folder}
echo "$@" >>systemctl.log
# without the file works all versions do, with it the one that it names
works() {{ [ ! -f works ] || [ "$(readlink {place}/current)" = "versions/$(cat works)" ]; }}
case "$*" in
*ExecStart*) [ ! -f no-bus ] || {{ echo "Failed to connect to bus" >&2; exit 1; }}
  echo "ExecStart={{ path=/bin/edgecv ; argv[]=$(cat unit 2>/dev/null) ; ignore_errors=no ; }}" ;;
restart*) sleep $(cat slow 2>/dev/null || echo 0)
  [ -f falls ] || works || {{ echo "Job for edgecv.service failed." >&2; exit 1; }} ;;
*ActiveEnterTimestamp*) echo "ActiveEnterTimestamp=$(cat since 2>/dev/null)" ;;
show*) echo ActiveState=active; works || echo once more >>restarts
  echo NRestarts=$(cat restarts 2>/dev/null | wc -l) ;;
esac
"""


class Device:
    """A machine that ssh reaches.

    Attributes:
        folder: for what the device has.
        port: of its sshd.
        place: where bundles are deployed to.
        config: of the ssh that reaches it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.place, self.port = folder, folder / "place", free_port()
        self.config, self._bin = folder / "ssh_config", folder / "bin"
        self._bin.mkdir(parents=True)
        self.add_program("edgecv", 'exec "$PYTHON" -m edgecv "$@"')
        # answers for tests that are not about what a run does
        self.add_program(
            "quick",
            "case $1 in\n"
            'run) echo \'{"variant": "null", "processed": 10, "end_to_end_fps": 25}\' ;;\n'
            "--version) echo edgecv ;;\n"
            '*) exec edgecv "$@" ;;\nesac',
        )
        self._write("bin/systemctl", SYSTEMCTL.format(folder=folder, place=self.place)).chmod(0o755)
        for name in ("host", "user", "stranger"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
            subprocess.run(make, check=True)
        self.trust_host("host")
        self._write(
            "ssh_config",
            f"Host *\nUser {getpass.getuser()}\nIdentityFile {folder}/user\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile /dev/null\n"
            "StrictHostKeyChecking yes\nBatchMode yes\n",
        )

    def _write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text, "utf-8")
        return self.folder / name

    def add_program(self, name: str, script: str) -> None:
        """A shell script among the device's programs."""
        self._write(f"bin/{name}", f"#!/bin/sh\n{script}\n").chmod(0o755)

    def trust_host(self, key: str) -> None:
        """Expect that the machine has this key."""
        public = (self.folder / f"{key}.pub").read_text()
        self._write("known_hosts", f"[127.0.0.1]:{self.port} {public}")

    @property
    def arguments(self) -> list[str]:
        """Options of `edgecv deploy` that reach it."""
        return [
            *("127.0.0.1", "--port", str(self.port), "--ssh-config", str(self.config)),
            *("--path", str(self.place)),
        ]

    def log(self) -> str:
        """What its systemctl was asked."""
        path = self.folder / "systemctl.log"
        return path.read_text() if path.exists() else ""

    def versions(self) -> list[str]:
        """What is in its folder of versions, hidden files too."""
        folder = self.place / "versions"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def current(self) -> str:
        """What is live."""
        return os.path.basename(os.readlink(self.place / "current"))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Its sshd, for as long as the block lasts."""
        sshd = program("sshd", "openssh-server")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        path = f"{self._bin}:{os.environ['PATH']}"
        paths = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
        environment = (
            f'PATH="{path}" PYTHON="{sys.executable}" PYTHONPATH="{paths}" '
            f'XDG_CONFIG_HOME="{self.folder}/config" XDG_CONFIG_DIRS="{self.folder}/none" '
            f'EDGECV_CACHE="{self.folder}/cache" OMP_NUM_THREADS="1"'
        )
        config = self._write(
            "sshd_config",
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host\n"
            f"AuthorizedKeysFile {self.folder}/user.pub\nStrictModes no\nUsePAM no\n"
            f"PasswordAuthentication no\nPidFile none\nSetEnv {environment}\n",
        )
        log = (self.folder / "sshd.log").open("wb")
        server = subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=log)
        try:
            self._wait(server)
            yield
        finally:
            server.terminate()
            server.wait(10)
            log.close()

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        probe = ["ssh", "-F", str(self.config), "-p", str(self.port), "127.0.0.1", "true"]
        for _ in range(50):
            done = subprocess.run(probe, capture_output=True, text=True)
            if done.returncode == 0:
                return
            if server.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError((self.folder / "sshd.log").read_text() + done.stderr)
