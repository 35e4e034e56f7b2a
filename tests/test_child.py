from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgecv.child import Child, ChildEndedError

Program = Callable[[str], str]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Write a module that serves the function `answer` of a source text; gives its name."""

    def write(source: str) -> str:
        text = f"from edgecv.child import serve\nimport os, time\n{source}\nserve(answer)\n"
        (tmp_path / "served.py").write_text(text, "utf-8")
        return "served"

    monkeypatch.syspath_prepend(tmp_path)
    return write


def test_each_message_gets_its_answer(program: Program) -> None:
    with Child(program("def answer(m): return {'double': 2 * m['n']}")) as child:
        assert [child.ask({"n": n}, 30)["double"] for n in (1, 2, 3)] == [2, 4, 6]


def test_what_a_library_prints_does_not_mix_with_answers(
    program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    source = "def answer(m):\n    print('chatter', flush=True)\n    return {'fine': 1}"
    with Child(program(source)) as child:
        assert child.ask({}, 30) == {"fine": 1}
    assert "chatter" in capfd.readouterr().err


def test_a_process_that_aborts_is_told_by_its_signal(program: Program) -> None:
    with (
        Child(program("def answer(m): os.abort()")) as child,
        pytest.raises(ChildEndedError, match="signal 6"),
    ):
        child.ask({}, 30)


def test_a_process_that_exits_is_told_by_its_status(program: Program) -> None:
    with (
        Child(program("def answer(m): os._exit(7)")) as child,
        pytest.raises(ChildEndedError, match="exit status 7"),
    ):
        child.ask({}, 30)


def test_a_late_process_is_stopped(program: Program) -> None:
    with (
        Child(program("def answer(m): time.sleep(60)")) as child,
        pytest.raises(ChildEndedError, match=r"no answer in 0\.5 s"),
    ):
        child.ask({}, 0.5)


def test_a_process_that_has_ended_does_not_answer_a_second_time(program: Program) -> None:
    with Child(program("def answer(m): os._exit(7)")) as child:
        for _ in range(2):
            with pytest.raises(ChildEndedError, match="exit status 7"):
                child.ask({}, 30)


def test_an_interrupt_from_the_keyboard_leaves_it_to_the_parent_to_end_it(
    program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    source = "import signal\ndef answer(m):\n    os.kill(os.getpid(), signal.SIGINT)\n    return {}"
    with Child(program(source)) as child:
        assert child.ask({}, 30) == {}
    assert capfd.readouterr().err == ""
