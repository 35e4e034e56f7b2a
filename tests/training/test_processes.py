from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import torch
from together import run_together

from edgecv.errors import UsageError
from edgecv.training import processes

PROGRAM = Path(__file__).with_name("one_of_two.py")


def test_two_processes_take_the_step_that_one_takes_on_the_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_together(2, [str(PROGRAM), str(tmp_path)])
    assert [one.returncode for one in done] == [0, 0], done[0].stderr
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    with monkeypatch.context() as here:
        here.syspath_prepend(PROGRAM.parent)
        import_module(PROGRAM.stem).main(tmp_path)
    alone = torch.load(tmp_path / "0.pt")
    for name, value in alone["weights"].items():
        assert torch.equal(first["weights"][name], second["weights"][name]), name
        assert torch.allclose(first["weights"][name], value, atol=1e-5), name
    assert first["parts"] == second["parts"]
    assert first["parts"] == pytest.approx(alone["parts"], rel=1e-4)
    assert [one["world"] for one in (alone, first, second)] == [(0, 1), (0, 2), (1, 2)]
    assert [one["mean"].item() for one in (alone, first, second)] == [0.0, 0.5, 0.5]
    assert second["value"] == {"rank": 0}


def test_alone_everything_is_passed_through() -> None:
    assert processes.world()[:2] == (0, 1)
    assert processes.from_first("x") == "x"
    value = torch.tensor([1.0, 2.0])
    assert processes.mean_over_processes(value) is value
    processes.wait_for_others()
    with processes.joined() as here:
        assert here.size == 1


def test_several_processes_that_never_met_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="edgecv train"):
        processes.from_first(None)
