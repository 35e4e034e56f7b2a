"""Where readers leave frames and the engine's side takes them: what is dropped, and why."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgecv.errors import UsageError
from edgecv.runtime.clock import now
from edgecv.runtime.frames import StreamFrame

# frames that wait under `every`: one in work, one ready, so that neither side waits for the other
AHEAD = 2
# and under `budget`, where time decides: a bound of memory for a stream far quicker than the engine
AHEAD_MAX = 32

Dropped = Callable[[StreamFrame, str], None]


@dataclass(frozen=True)
class Policy:
    """Which frames are processed when there are more than the engine manages.

    Attributes:
        kind: every: none is dropped, the source waits; latest: the newest wins; budget: those
            older than `budget_s` are dropped.
        budget_s: in seconds; for `budget` only.
    """

    kind: Literal["every", "latest", "budget"]
    budget_s: float = 0.0

    @staticmethod
    def parse(text: str) -> Policy:
        """The policy of `latest`, `every`, `budget=500ms` or `budget=2s`.

        Raises:
            UsageError: none of these.
        """
        if text == "every":
            return Policy("every")
        if text == "latest":
            return Policy("latest")
        match = re.fullmatch(r"budget=(\d+(?:\.\d+)?)(ms|s)", text)
        if match is None or float(match[1]) == 0:
            raise UsageError(f"policy '{text}': expected latest, every, or budget=500ms")
        return Policy("budget", float(match[1]) * (1 if match[2] == "s" else 1e-3))


class Intake:
    """The waiting frames of all streams.

    Args:
        policies: of each stream, by its name.
        dropped: told of each frame that nobody will process, and the cause.
    """

    def __init__(self, policies: dict[str, Policy], dropped: Dropped) -> None:
        self._policies, self._dropped = policies, dropped
        self._waiting: dict[str, deque[StreamFrame]] = {name: deque() for name in policies}
        self._running = set(policies)
        self._turn = deque(policies)
        self._changed = threading.Condition()

    def put(self, frame: StreamFrame) -> bool:
        """Leave a frame; waits under `every` while there is no room. False: nobody wants more."""
        policy, waiting = self._policies[frame.stream], self._waiting[frame.stream]
        with self._changed:
            if policy.kind == "every":
                self._changed.wait_for(lambda: len(waiting) < AHEAD or not self._running)
            if frame.stream not in self._running:
                return False
            if policy.kind == "latest" and waiting:
                self._dropped(waiting.popleft(), "newer")
            if policy.kind == "budget" and len(waiting) == AHEAD_MAX:
                self._dropped(waiting.popleft(), "full")
            waiting.append(frame)
            self._changed.notify_all()
        return True

    def take(self) -> StreamFrame | None:
        """The next frame, streams in turn; waits for one. None: all streams have ended."""
        with self._changed:
            while True:
                for _ in range(len(self._turn)):
                    name = self._turn[0]
                    self._turn.rotate(-1)
                    frame = self._next_of(name)
                    if frame is not None:
                        self._changed.notify_all()
                        return frame
                if not self._running:
                    return None
                self._changed.wait()

    def _next_of(self, name: str) -> StreamFrame | None:
        policy, waiting = self._policies[name], self._waiting[name]
        while waiting:
            frame = waiting.popleft()
            if policy.kind != "budget" or now() - frame.captured_s <= policy.budget_s:
                return frame
            self._dropped(frame, "late")
        return None

    def end(self, name: str) -> None:
        """A stream has no more frames; those that wait are still given out."""
        with self._changed:
            self._running.discard(name)
            self._changed.notify_all()

    def close(self) -> None:
        """All streams have ended."""
        with self._changed:
            self._running.clear()
            self._changed.notify_all()
