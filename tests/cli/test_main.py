from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest

from edgecv import __version__
from edgecv.cli import VERBS, Verbs, main
from edgecv.errors import BudgetMissedError, EngineError, UsageError

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def edgecv(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edgecv", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return edgecv


@pytest.fixture
def failing(call: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], Any]:
    """The command line with a verb that raises something."""

    def edgecv(error: BaseException, verb: str = "doctor") -> tuple[int, str, str]:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(Verbs, "get_command", lambda *_: command)
        return call(verb)

    return edgecv


def test_help_lists_every_verb_with_its_line(call: Call) -> None:
    for arguments in (("--help",), ("-h",)):
        status, out, err = call(*arguments)
        assert (status, err) == (0, "")
        assert max(map(len, out.splitlines())) <= 80
        for verb, (_, line) in VERBS.items():
            assert f"  {verb} " in out
            assert line in out


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself_in_eighty_columns(call: Call, verb: str) -> None:
    status, out, _ = call(verb, "--help")
    assert status == 0
    assert out.startswith(f"Usage: edgecv {verb}")
    assert max(map(len, out.splitlines())) <= 80
    assert "..." not in out.partition("Commands:")[2]  # no line of them is cut


def test_the_version_is_that_of_the_package(call: Call) -> None:
    assert call("--version")[1] == f"edgecv, version {__version__}\n"


def test_an_unknown_verb_is_refused_with_a_suggestion(call: Call) -> None:
    status, out, err = call("compres")
    assert (status, out) == (2, "")
    assert "no command 'compres'; did you mean 'compress'?" in err
    assert "there are compress, train, sweep, recipes" in call("zzz")[2]


def test_wrong_options_are_refused_by_click(call: Call) -> None:
    status, _, err = call("compress", "--recipee", "x")
    assert status == 2
    assert "No such option" in err
    assert "--recipee" in err
    assert call("--nonsense")[0] == 2
    assert call("compress")[0] == 2


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (UsageError("a: b"), 2, "edgecv: a: b\n"),
        (EngineError("c"), 1, "edgecv: c\n"),
        (BudgetMissedError("d"), 3, "edgecv: d\n"),
        (MemoryError(), 1, "edgecv: not enough memory."),
        (RuntimeError("can't allocate memory: 30 GB"), 1, "edgecv: not enough memory."),
        (OSError(errno.ENOSPC, "x", "f"), 2, "edgecv: f: no space left on the disk. Make room"),
        (OSError(errno.ENOSPC, "x"), 2, "edgecv: no space left on the disk."),
        (PermissionError(errno.EACCES, "Permission denied", "f"), 1, "edgecv: f: Permission"),
        (ModuleNotFoundError("x", name="torch.nn"), 2, "edgecv: this command needs the package"),
        (ModuleNotFoundError("x", name="openvino"), 2, "edgecv: this command needs the package"),
    ],
    ids=repr,
)
def test_a_failure_is_one_line_with_its_status(
    failing: Callable[[BaseException], Any], error: BaseException, status: int, told: str
) -> None:
    found, out, err = failing(error)
    assert (found, out) == (status, "")
    assert err.startswith(told)
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()], ids=repr)
def test_ctrl_c_ends_with_130(
    failing: Callable[[BaseException], Any], error: BaseException
) -> None:
    status, _, err = failing(error)
    assert status == 130
    assert err.strip().startswith("edgecv: stopped")


def test_only_of_what_goes_on_is_it_said_when_it_is_stopped(failing: Callable[..., Any]) -> None:
    told = failing(KeyboardInterrupt(), "compress")[2]
    assert told.strip().endswith("the same command goes on from there")
    assert failing(KeyboardInterrupt(), "bench")[2].strip() == "edgecv: stopped"
    assert failing(KeyboardInterrupt("half done"), "bench")[2].strip() == "edgecv: half done"


def test_a_defect_of_edgecv_itself_is_not_hidden(failing: Callable[[BaseException], Any]) -> None:
    with pytest.raises(ModuleNotFoundError):
        failing(ModuleNotFoundError("x", name="nobody_knows"))
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())
    with pytest.raises(RuntimeError):
        failing(RuntimeError("a defect"))


def test_a_reader_that_leaves_early_sees_no_traceback() -> None:
    program = "import sys; sys.argv = ['edgecv', 'recipes', 'show', 'yolo_int8']; "
    program += "import os; os.close(0); r, w = os.pipe(); os.dup2(w, 1); os.close(r); os.close(w)\n"
    program += "from edgecv.cli import main; main()"
    told = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
