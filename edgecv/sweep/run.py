"""Make every variant of a sweep, several at once, then time each alone; go on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgecv.bundle import Bundle
from edgecv.errors import BundleError
from edgecv.progress import say
from edgecv.sweep.folder import Ledger, folder_of, log_of, reason_in
from edgecv.sweep.grid import Variant, labels
from edgecv.sweep.halving import Halving, Rivals, rivals_of
from edgecv.sweep.history import read_scores, training_of
from edgecv.sweep.order import Order
from edgecv.sweep.pareto import with_front
from edgecv.sweep.points import points_of
from edgecv.sweep.processes import LOST, Job, Pool, Processes

POLL_S = 0.5
# an accuracy budget that is missed is a point like any other
WHOLE = (0, 3)


@dataclass
class Making:
    """Variants on their way to a bundle.

    Attributes:
        order: what they are made of.
        variants: all of the record, by name.
        ledger: the record.
        pool: where they run.
        rivals: which compete.
        until: time.monotonic() from which no more work is begun.
    """

    order: Order
    variants: Mapping[str, Variant]
    ledger: Ledger
    pool: Pool
    rivals: Rivals = "network"
    until: float = float("inf")
    _halving: Halving | None = None
    _running: dict[str, float] = field(default_factory=dict)
    _stopped: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Make what is not made; what the time does not suffice for waits for the next call.

        Raises:
            EdgecvError: of the pool.
        """
        self._label()
        self._prepare()
        waiting = [name for name in self.variants if self._state(name) == "waiting"]
        try:
            while waiting or self._running:
                if time.monotonic() >= self.until:
                    waiting = []
                    self._stop_for_time()
                while waiting and len(self._running) < self.pool.slots:
                    self._start(waiting.pop(0))
                time.sleep(POLL_S)
                for name, status in self.pool.ended().items():
                    self._settle(name, status)
                for name in self._running:
                    self._watch(name)
        finally:
            self.pool.close()

    def _label(self) -> None:
        names = [*self.variants]
        short = labels([self.ledger.variant(name).settings for name in names])
        self._names = dict(zip(names, short, strict=True))

    def _prepare(self) -> None:
        """Try again what failed, and tell the judge what was trained in former calls."""
        groups = [rivals_of(one.recipe, self.rivals) for one in self.variants.values()]
        trains = any(training_of(one.recipe) for one in self.variants.values())
        if self.rivals != "none" and trains and len(set(groups)) < len(groups):
            self._halving = Halving()
        for name in self.variants:
            former = self.ledger.variant(name)
            again = former.state == "failed"
            again |= former.state == "stopped" and self._halving is None
            if again:
                self.ledger.change(name, state="waiting", reason=None)
            if former.scores:
                self._falls_behind(name)

    def _state(self, name: str) -> str:
        return self.ledger.variant(name).state

    def _start(self, name: str) -> None:
        out = self.ledger.out
        words = self.order.words(
            self.ledger.variant(name).settings, folder_of(out, name), measured=False
        )
        say(f"begins   {self._names[name]}")
        self._running[name] = time.monotonic()
        self.pool.start(Job(name, words, log_of(out, name)))

    def _watch(self, name: str) -> None:
        """Stop a training whose rivals are better."""
        behind = self._note(name)
        if behind and name not in self._stopped:
            one = self.ledger.variant(name)
            epoch, score = one.scores[-1]
            self._stopped[name] = (
                f"stopped early after epoch {epoch}/{one.epochs} with mAP {score:.4f}"
            )
            self.pool.stop(name)

    def _note(self, name: str) -> bool:
        """Note how far a training is; whether that puts it behind its rivals."""
        training = training_of(self.variants[name].recipe)
        if training is None:
            return False
        scores = read_scores(folder_of(self.ledger.out, name), training)
        if len(scores) <= len(self.ledger.variant(name).scores):
            return False
        self.ledger.change(name, scores=scores, epochs=training.total)
        return self._falls_behind(name)

    def _falls_behind(self, name: str) -> bool:
        one, variant = self.ledger.variant(name), self.variants[name]
        if self._halving is None or one.epochs is None:
            return False
        group = rivals_of(variant.recipe, self.rivals)
        return self._halving.falls_behind(group, name, one.scores, one.epochs)

    def _stop_for_time(self) -> None:
        for name in self._running:
            if name not in self._stopped:
                self._stopped[name] = ""
                self.pool.stop(name)

    def _settle(self, name: str, status: int) -> None:
        self._note(name)
        took = time.monotonic() - self._running.pop(name)
        stopped = self._stopped.pop(name, None)
        if status in WHOLE:
            # also one that was faster than the order to stop
            self.ledger.change(name, state="made", reason=None)
            say(f"made     {self._names[name]}  {took:.0f} s")
        elif stopped:
            self.ledger.change(name, state="stopped", reason=stopped)
            say(f"stopped  {self._names[name]}  {stopped}")
        elif stopped == "":
            say(f"left     {self._names[name]}  the time is over; it goes on from there")
        else:
            reason = _why(status, log_of(self.ledger.out, name))
            self.ledger.change(name, state="failed", reason=reason)
            say(f"failed   {self._names[name]}  {reason}")


def _why(status: int, log: Path) -> str:
    if status == LOST:
        return "the nodes that it ran on were lost, one after another"
    if status == -9:
        return "it was killed, most likely for want of memory. Fewer --jobs at once need less"
    if status < 0:
        return f"it was ended by signal {-status}"
    return reason_in(log)


def measure(order: Order, ledger: Ledger) -> None:
    """Time every variant that is made and write its report, one by one: nothing else runs."""
    made = [one for one in ledger.sweep.variants if one.state == "made"]
    names = dict(zip((one.name for one in made), labels([o.settings for o in made]), strict=True))
    for one in made:
        folder, log = folder_of(ledger.out, one.name), log_of(ledger.out, one.name)
        say(f"timing   {names[one.name]}")
        status = run_alone(Job(one.name, order.words(one.settings, folder, measured=True), log))
        if status in WHOLE:
            try:
                points = points_of(Bundle.open(folder))
            except BundleError as error:
                ledger.change(one.name, state="failed", reason=str(error))
                continue
            ledger.change(one.name, state="measured", points=points)
        else:
            ledger.change(one.name, state="failed", reason=_why(status, log))
    ledger.replace(with_front(ledger.sweep))


def run_alone(job: Job) -> int:
    """The exit status of a job with the whole machine."""
    pool = Processes(1)
    try:
        pool.start(job)
        while not (ended := pool.ended()):
            time.sleep(POLL_S)
    finally:
        pool.close()
    return ended[job.name]
