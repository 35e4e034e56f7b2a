"""The order in which variants are made, stopped and kept; runs are played from a script."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from made_sweep import sweep

from edgecv.recipe_file import find
from edgecv.sweep import run as run_module
from edgecv.sweep.folder import Ledger, folder_of, log_of
from edgecv.sweep.grid import expand, parse_grid
from edgecv.sweep.halving import Rivals
from edgecv.sweep.order import Order, recorded
from edgecv.sweep.processes import Job
from edgecv.sweep.run import Making
from edgecv.sweep.schema import SweepVariant

EPOCHS = 4
RECIPE = find("mobilenet_student_int8")


class Script:
    """A pool whose jobs train one epoch a look, with mAPs that are known before.

    Args:
        slots: jobs at once.
        scores: mAP of each epoch by the value of lr.
        statuses: exit status by the value of lr, where it is not 0.
    """

    def __init__(
        self, slots: int, scores: dict[str, list[float]], statuses: dict[str, int] | None = None
    ) -> None:
        self.slots, self.scores, self.statuses = slots, scores, statuses or {}
        self.begun: list[str] = []
        self.most = 0
        self._running: dict[str, tuple[str, Path]] = {}
        self._stopped: set[str] = set()

    def start(self, job: Job) -> None:
        rate = next(w for w in job.words if "lr=" in w).partition("=")[2]
        self.begun.append(rate)
        folder = Path(job.words[job.words.index("--out") + 1])
        self._running[job.name] = (rate, folder / ".half-distill" / "history.jsonl")
        job.log.write_text(f"edgecv: {rate} went wrong\n", "utf-8")
        self.most = max(self.most, len(self._running))

    def ended(self) -> dict[str, int]:
        found = {}
        for name, (rate, history) in list(self._running.items()):
            done = history.read_text("utf-8").splitlines() if history.is_file() else []
            if name in self._stopped:
                found[name] = 130
            elif rate in self.statuses:
                found[name] = self.statuses[rate]
            elif len(done) == EPOCHS:
                found[name] = 0
            else:
                row = {"epoch": len(done) + 1, "mAP": self.scores[rate][len(done)]}
                history.parent.mkdir(parents=True, exist_ok=True)
                history.write_text("\n".join([*done, json.dumps(row)]), "utf-8")
        for name in found:
            del self._running[name]
        self._stopped.clear()
        return found

    def stop(self, name: str) -> None:
        assert name in self._running
        self._stopped.add(name)

    def close(self) -> None:
        self._running.clear()


class Clock:
    """A time that passes by the looks at the jobs."""

    def __init__(self) -> None:
        self.looks = 0

    def monotonic(self) -> float:
        return self.looks

    def sleep(self, seconds: float) -> None:
        self.looks += 1


Make = Callable[..., list[SweepVariant]]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make the variants of some learning rates; what a former call made is there."""
    monkeypatch.setattr(run_module, "time", Clock())
    (tmp_path / "variants").mkdir()
    order = Order(RECIPE, (f"distill.train.epochs={EPOCHS}",))
    kept: list[Ledger] = []

    def call(
        pool: Script, rates: str, rivals: Rivals = "network", until: float = float("inf")
    ) -> list[SweepVariant]:
        if not kept:
            grid = parse_grid([f"distill.train.lr={rates}"])
            found = expand(RECIPE, order.overrides, grid).values()
            variants = [SweepVariant(name=v.name, settings=v.settings) for v in found]
            kept.append(Ledger(tmp_path, sweep(*variants)))
        ledger = kept[0]
        recipes = recorded(order, ledger.sweep)
        Making(order, recipes, ledger, pool, rivals, until).run()
        return list(ledger.sweep.variants)

    return call


def test_all_are_made_in_order_and_as_many_at_once_as_there_are_slots(make: Make) -> None:
    pool = Script(2, {rate: [0.1] * EPOCHS for rate in ("0.1", "0.2", "0.3")})
    found = make(pool, "0.1,0.2,0.3")
    assert pool.begun == ["0.1", "0.2", "0.3"]
    assert pool.most == 2
    assert [one.state for one in found] == ["made"] * 3
    assert found[0].scores == ((1, 0.1), (2, 0.1), (3, 0.1), (4, 0.1))


def test_one_that_its_rivals_leave_behind_is_stopped_and_stays_so(make: Make) -> None:
    scores = {"0.1": [0.5, 0.6, 0.7, 0.8], "0.2": [0.1, 0.2, 0.3, 0.4]}
    found = make(Script(1, scores), "0.1,0.2")
    assert [one.state for one in found] == ["made", "stopped"]
    assert found[1].reason == "stopped early after epoch 1/4 with mAP 0.1000"
    assert found[1].scores == ((1, 0.1),)
    again = Script(1, scores)
    assert make(again, "0.1,0.2") == found
    assert again.begun == []


def test_without_rivals_what_was_stopped_goes_on(make: Make) -> None:
    scores = {"0.1": [0.5] * EPOCHS, "0.2": [0.1] * EPOCHS}
    make(Script(1, scores), "0.1,0.2")
    again = Script(1, scores)
    found = make(again, "0.1,0.2", "none")
    assert again.begun == ["0.2"]
    assert [one.state for one in found] == ["made", "made"]
    assert found[1].reason is None


def test_one_that_fails_says_why_the_others_go_on_and_it_is_tried_again(make: Make) -> None:
    scores = {"0.1": [0.5] * EPOCHS, "0.2": [0.5] * EPOCHS, "0.3": [0.5] * EPOCHS}
    found = make(Script(1, scores, {"0.1": 2, "0.2": -9}), "0.1,0.2,0.3")
    assert [one.state for one in found] == ["failed", "failed", "made"]
    assert found[0].reason == "0.1 went wrong"
    assert found[1].reason is not None
    assert "for want of memory" in found[1].reason
    again = Script(1, scores, {"0.2": -11})
    found = make(again, "0.1,0.2,0.3")
    assert again.begun == ["0.1", "0.2"]
    assert [one.state for one in found] == ["made", "failed", "made"]
    assert found[1].reason == "it was ended by signal 11"


def test_a_missed_accuracy_budget_is_a_result(make: Make) -> None:
    found = make(Script(1, {}, {"0.1": 3}), "0.1")
    assert found[0].state == "made"


def test_when_the_time_is_over_nothing_begins_and_what_runs_is_left(make: Make) -> None:
    scores = {"0.1": [0.5] * EPOCHS, "0.2": [0.5] * EPOCHS}
    none = Script(1, scores)
    found = make(none, "0.1,0.2", until=0)
    assert none.begun == []
    assert [one.state for one in found] == ["waiting", "waiting"]

    found = make(Script(1, scores), "0.1,0.2", until=3)
    assert [one.state for one in found] == ["waiting", "waiting"]
    assert found[0].scores == ((1, 0.5), (2, 0.5))
    rest = Script(1, scores)
    assert [one.state for one in make(rest, "0.1,0.2", "none")] == ["made", "made"]


def test_scores_of_a_former_call_count_for_the_next(make: Make, tmp_path: Path) -> None:
    scores = {"0.1": [0.5] * EPOCHS, "0.2": [0.1] * EPOCHS}
    # the second fails before it has a score; then it meets the first one's from the record
    make(Script(1, scores, {"0.2": 1}), "0.1,0.2")
    found = make(Script(1, scores), "0.1,0.2")
    assert [one.state for one in found] == ["made", "stopped"]


def test_places_of_a_variant_are_beside_each_other(tmp_path: Path) -> None:
    assert folder_of(tmp_path, "a").parent == log_of(tmp_path, "a").parent
