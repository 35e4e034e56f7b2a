"""The process that talks to a Ray cluster, so that nothing of what Ray prints reaches a user.

A program of JSON lines, called by cluster.py: connect, start, ended, stop.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import Any

from edgecv import __version__
from edgecv.child import serve
from edgecv.sweep import ray_task
from edgecv.sweep.processes import LOST

TRIES = 5  # of a job whose node was lost, before it counts as failed
CHECK_S = 60.0


class Driver:
    """Jobs of one sweep on a cluster."""

    def __init__(self) -> None:
        self._ray: Any = None
        self._threads = 1
        self._jobs: dict[str, dict[str, Any]] = {}
        self._tasks: dict[Any, str] = {}
        self._stopped: set[str] = set()

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        action = getattr(self, f"do_{message.pop('do')}")
        try:
            found: dict[str, Any] = action(**message)
        # Ray raises nearly everything, from its own kinds to ValueError
        except Exception as error:
            return {"error": " ".join(str(error).split()) or type(error).__name__}
        return found

    def do_connect(self, address: str, log: str, token: str, jobs: int | None) -> dict[str, Any]:
        """Join the cluster; how many jobs it takes at once."""
        with open(log, "ab", buffering=0) as stream:
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
        sys.stdout = sys.stderr
        ray: Any = import_module("ray")  # half of it is typed

        self._ray = ray
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        nodes = [node for node in ray.nodes() if node["Alive"] and self._cores(node)]
        if not nodes:
            raise RuntimeError("no node of it has a CPU to give (ray start --num-cpus)")
        self._check(nodes, token)
        slots = jobs or len(nodes)
        share = sum(map(self._cores, nodes)) // slots
        self._threads = max(1, min(share, *map(self._cores, nodes)))
        return {"slots": slots}

    def do_start(self, name: str, words: list[str], log: str) -> dict[str, Any]:
        self._jobs[name] = {"words": words, "log": log, "tries": 0}
        self._submit(name)
        return {}

    def do_ended(self) -> dict[str, Any]:
        """Exit statuses, and names of jobs that lost their node and were begun again."""
        ended, moved = {}, []
        tasks = [*self._tasks]
        ready = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)[0] if tasks else []
        for task in ready:
            name = self._tasks.pop(task)
            status = self._status(task, name)
            if status == LOST and self._jobs[name]["tries"] < TRIES:
                self._submit(name)
                moved.append(name)
            else:
                ended[name] = status
        return {"ended": ended, "moved": moved}

    def do_stop(self, name: str) -> dict[str, Any]:
        self._stopped.add(name)
        for task, of in self._tasks.items():
            if of == name:
                self._ray.cancel(task, force=False)
        return {}

    def _submit(self, name: str) -> None:
        job = self._jobs[name]
        job["tries"] += 1
        # begun again here, and not by Ray, which does not tell
        task = self._ray.remote(ray_task.run).options(num_cpus=self._threads, max_retries=0)
        self._tasks[task.remote(name, job["words"], job["log"], self._threads)] = name

    def _status(self, task: Any, name: str) -> int:
        errors = self._ray.exceptions
        try:
            return int(self._ray.get(task))
        except errors.TaskCancelledError:
            return 130
        except errors.RayError:
            return 130 if name in self._stopped else LOST

    def _check(self, nodes: list[dict[str, Any]], token: str) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        check = self._ray.remote(ray_task.check)
        tasks = [
            check.options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(token, __version__)
            for node in nodes
        ]
        for problem in self._ray.get(tasks, timeout=CHECK_S):
            if problem is not None:
                raise RuntimeError(problem)

    @staticmethod
    def _cores(node: dict[str, Any]) -> int:
        return int(node["Resources"].get("CPU", 0))


if __name__ == "__main__":
    serve(Driver().answer)
