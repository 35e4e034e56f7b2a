"""Runs of variants on a Ray cluster, through a process that alone imports Ray."""

from __future__ import annotations

import re
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgecv import __version__
from edgecv.child import Child, ChildEndedError
from edgecv.errors import EdgecvError, MissingExtraError, UsageError
from edgecv.progress import say
from edgecv.sweep.processes import Job

CONNECT_S, ANSWER_S, REACH_S = 180.0, 120.0, 5.0
LOG, TOKEN = "ray.log", ".shared"


class Cluster:
    """A pool of a cluster's nodes; a job whose node is lost is begun again on another.

    Args:
        address: host:port of the cluster's head, or auto for the cluster of this machine.
        out: folder of the sweep; all nodes have it under the same path.
        jobs: at once; None: one a node.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: the address is none, nothing answers there, or the cluster cannot be used:
            other versions, or a folder that a node does not see.
    """

    def __init__(self, address: str, out: Path, jobs: int | None) -> None:
        if find_spec("ray") is None:
            raise MissingExtraError("ray", "ray", "--ray")
        _check_address(address)
        self._address, self._log = address, out / LOG
        token = out / TOKEN
        token.write_text("written by edgecv sweep, to see whether a folder is shared\n", "utf-8")
        self._child = Child("edgecv.sweep.ray_driver")
        try:
            told = self._ask(
                CONNECT_S,
                do="connect",
                address=address,
                log=str(self._log.absolute()),
                token=str(token.absolute()),
                jobs=jobs,
            )
        except BaseException:
            self._child.close()
            raise
        finally:
            token.unlink(missing_ok=True)
        self.slots = int(told["slots"])
        self._running: set[str] = set()

    def start(self, job: Job) -> None:
        log = str(job.log.absolute())
        self._ask(ANSWER_S, do="start", name=job.name, words=[*job.words], log=log)
        self._running.add(job.name)

    def ended(self) -> dict[str, int]:
        told = self._ask(ANSWER_S, do="ended")
        for name in told["moved"]:
            say(f"moved    {name}  its node was lost; it goes on on another")
        ended: dict[str, int] = told["ended"]
        self._running -= ended.keys()
        return ended

    def stop(self, name: str) -> None:
        self._ask(ANSWER_S, do="stop", name=name)

    def close(self) -> None:
        # what still runs ends with its worker, and that with this process
        self._child.close()
        self._running.clear()

    def _ask(self, timeout_s: float, **message: Any) -> dict[str, Any]:
        try:
            told = self._child.ask(message, timeout_s)
        except ChildEndedError as error:
            raise EdgecvError(
                f"--ray {self._address}: the connection is lost ({error}; {self._log}). What is "
                "finished is kept: the same command goes on"
            ) from error
        if "error" in told:
            raise UsageError(f"--ray {self._address}: {_clear(str(told['error']))}")
        return told


def _check_address(address: str) -> None:
    """Refuse what Ray would wait for a minute for, or take for an order to start a cluster."""
    if address == "auto":
        return
    found = re.fullmatch(r"([\w.-]+):(\d{1,5})", address)
    if found is None:
        raise UsageError(
            f"--ray {address}: expected host:port of the cluster's head, or auto; this machine "
            "must be one of its nodes (ray start --address=host:port)"
        )
    try:
        socket.create_connection((found[1], int(found[2])), REACH_S).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"--ray {address}: no cluster answers there ({error}). Start one: ray start --head"
        ) from error


def _clear(message: str) -> str:
    if "ersion mismatch" in message:
        versions = re.findall(r"Ray: (\S+) Python: (\S+)", message)
        told = [f"Ray {ray} on Python {python}" for ray, python in versions]
        return (
            f"the cluster has {' and this machine '.join(told)}. Both must be the same on all nodes"
        )
    if "Could not find any running Ray instance" in message:
        return "no cluster runs on this machine. Start one: ray start --head"
    if "No module named 'edgecv" in message:
        return f"a node has no edgecv {__version__}. Install it on all as on this one"
    return f"the cluster cannot be used: {message[:400]}"
