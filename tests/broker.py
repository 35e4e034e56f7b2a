"""A real MQTT broker on loopback, which tests start, stop and start again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

USER, PASSWORD = "camera", "a:b@c/d e"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """mosquitto; nobody gets in without USER and PASSWORD, where `locked`."""

    def __init__(self, folder: Path, *, locked: bool = False, tls: dict[str, Path] | None = None):
        programs = ("mosquitto", "mosquitto_passwd")
        # Debian keeps it where only root's PATH leads
        path = os.environ["PATH"] + ":/usr/sbin"
        found = [shutil.which(name, path=path) for name in programs]
        if None in found:
            message = "no MQTT broker: apt-get install mosquitto"
            if os.environ.get("EDGECV_CI"):
                pytest.fail(message)
            pytest.skip(message)
        self._program, passwd = map(str, found)
        folder.mkdir()
        self.port, self._config = free_port(), folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(not locked).lower()}"]
        # as root it would change to a user who may not read this folder
        lines += ["user root"] if os.geteuid() == 0 else []
        if locked:
            file = folder / "passwords"
            subprocess.run([passwd, "-b", "-c", file, USER, PASSWORD], check=True)
            lines.append(f"password_file {file}")
        for key, value in (tls or {}).items():
            lines.append(f"{key} {value}")
        self._config.write_text("\n".join(lines) + "\n", "utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [self._program, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("mosquitto did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None
