"""Another machine, reached by the ssh of this one: the user's own keys, agent and configuration."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgecv.errors import EdgecvError, UsageError
from edgecv.shipping.talk import Talk

# ssh's own failures, as against those of the command it runs
SSH_FAILED = 255
NOT_FOUND, KILLED = 127, 137
# Runs a command that ends with the connection; by itself sshd would let it go on. Its input stays
# open until then; in a session of its own it is reached with all that it started.
_TIED = """\
exec 3<&0
setsid sh -c "$1" </dev/null 3<&- &
ran=$!
(read -r _ <&3; kill -- "-$ran") >/dev/null 2>&1 &
waits=$!
wait "$ran"
status=$?
exec 2>/dev/null
kill "$waits"
exit "$status"
"""
# a connection that is dead is given up after 4 x 15 s, not after hours
_ALIVE = ("ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=4")


@dataclass(frozen=True)
class Done:
    """How a command ended.

    Attributes:
        status: its exit status.
        out, err: what it printed.
    """

    status: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The last line it said, which is edgecv's own message when it is edgecv that failed."""
        if self.status == KILLED:
            return (
                "it was killed there, most likely for want of memory (dmesg tells). Add swap, or "
                "end what else runs there, and call again"
            )
        lines = (self.err or self.out).strip().splitlines() or [f"exit status {self.status}"]
        return lines[-1].removeprefix("edgecv: ").removeprefix("ssh: ").rstrip(".")


class Remote:
    """A context manager: its commands share one connection, so that a password is asked for once.

    Args:
        destination: user@host, or a name of the ssh configuration.
        port, identity, config: as ssh's -p, -i and -F; None leaves it to the configuration.

    Raises:
        UsageError: a destination that ssh would take for an option.
    """

    def __init__(
        self,
        destination: str,
        port: int | None = None,
        identity: Path | None = None,
        config: Path | None = None,
    ) -> None:
        if not destination or destination.startswith("-") or destination.split() != [destination]:
            raise UsageError(f"{destination!r}: no host; expected user@host")
        self.destination = destination
        self._folder = tempfile.TemporaryDirectory(prefix="edgecv-ssh-")
        shared = f"ControlPath={self._folder.name}/s"
        given = {"-F": config, "-p": port, "-i": identity}
        plain = [word for key, value in given.items() if value for word in (key, str(value))]
        self._plain = words("ssh", *plain, destination)
        options = (*_ALIVE, "ControlMaster=auto", "ControlPersist=60", shared)
        self._ssh = ["ssh", "-T", *plain, *(word for one in options for word in ("-o", one))]

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        stop = [*self._ssh, "-O", "exit", "--", self.destination]
        subprocess.run(stop, capture_output=True)
        self._folder.cleanup()

    def run(self, command: str, feed: Callable[[IO[bytes]], object] | None = None) -> Done:
        """Run a line of shell there; it ends when the connection does.

        Args:
            command: for the shell there.
            feed: writes what the command reads from its stdin.

        Raises:
            EdgecvError: the machine cannot be reached, the connection broke, or no ssh is here.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            # a shell between: ssh tells nothing of what was killed
            there = (_TIED, "tied", command) if feed is None else (f"{command}\nexit $?",)
            status = self._run(self._call(*there), feed, out, err)
            return self._checked(Done(status, _text(out), _text(err)))

    @contextmanager
    def talk(self, script: str, *arguments: str) -> Iterator[Talk]:
        """Run a shell script there that is asked while it runs; its input ends with the block.

        Who leaves the block by an error of edgecv waits for its end.
        """
        pipe = subprocess.PIPE
        with tempfile.TemporaryFile() as err:
            call = self._call(script, *arguments)
            with subprocess.Popen(call, stdin=pipe, stdout=pipe, stderr=err) as process:
                try:
                    yield Talk(
                        self.destination,
                        process,
                        lambda status: self._checked(Done(status, "", _text(err))).reason,
                    )
                except EdgecvError:
                    raise
                except BaseException:
                    process.kill()
                    raise
                finally:
                    if process.stdin is not None:
                        _close(process.stdin)

    def _call(self, script: str, *arguments: str) -> list[str]:
        return [*self._ssh, "--", self.destination, words("sh", "-c", script, *arguments)]

    def _checked(self, done: Done) -> Done:
        if done.status == SSH_FAILED:
            # what breaks later is told to the first call alone, whose connection all share
            told = f"ssh says: {done.reason}" if done.err or done.out else "the connection broke"
            raise EdgecvError(f"{self.destination}: {told}. Try: {self._plain} true")
        return done

    def _run(
        self,
        command: Sequence[str],
        feed: Callable[[IO[bytes]], object] | None,
        out: IO[bytes],
        err: IO[bytes],
    ) -> int:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err)
        except FileNotFoundError as error:
            raise EdgecvError("no ssh on this machine: apt-get install openssh-client") from error
        try:
            if feed is not None and process.stdin is not None:
                try:
                    feed(process.stdin)
                    process.stdin.close()
                except BrokenPipeError:
                    pass  # it ended early, and says why on its stderr
            return process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            if process.stdin is not None:
                _close(process.stdin)


def words(*parts: str) -> str:
    """Words for a shell, each as it is."""
    return " ".join(map(shlex.quote, parts))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return
