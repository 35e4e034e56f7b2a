from __future__ import annotations

import io
import re
import time
from contextlib import redirect_stderr

import pytest

from edgecv.progress import _duration, bar, byte_bar, noted_bar, say

REFRESH_S = 0.3  # a bar is drawn ten times a second


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def plain(terminal: Terminal) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())


def test_a_pipe_gets_lines_and_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("work", 2) as advance:
        advance()
        say("a [line] of log")
        advance()
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "a [line] of log\n")


def test_a_pipe_is_told_once_of_what_lasts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.progress.LONG_S", 0.1)
    with bar("quantize", None), bar("calibrating", 2):
        time.sleep(0.4)
    with byte_bar("short", 2), noted_bar(2):
        pass
    time.sleep(0.2)
    assert capsys.readouterr() == ("", "quantize      begun\n")
    monkeypatch.setattr("edgecv.progress.LONG_S", 0.1)
    with redirect_stderr(Terminal()) as terminal, bar("quantize", None):
        time.sleep(0.4)
    assert "begun" not in plain(terminal)


def test_a_line_is_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    say("x" * 500)
    assert capsys.readouterr().err == "x" * 500 + "\n"


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    with redirect_stderr(Terminal()) as terminal, bar("counting sheep", 3) as advance:
        for _ in range(3):
            advance()
        time.sleep(REFRESH_S)
    assert "counting sheep" in plain(terminal)
    assert "3/3" in plain(terminal)
    # in the end the line is erased and the cursor is back
    assert terminal.getvalue().rpartition("\x1b[2K")[2] == "\x1b[?25h\r"


def test_a_line_stands_above_the_bar_that_is_shown_and_is_broken_at_words() -> None:
    told = "no GPU here: " + " ".join(["the file runs without optimisation"] * 4)
    with redirect_stderr(Terminal()) as terminal, bar("counting sheep", 3) as advance:
        time.sleep(REFRESH_S)
        advance()
        say(told)
        time.sleep(REFRESH_S)
    lines = plain(terminal).replace("\r", "\n").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("no GPU here"))
    assert " ".join(line.strip() for line in lines[begin : begin + 2]) == told
    assert "counting sheep" in lines[begin + 2]


def test_bytes_are_shown_as_megabytes_from_where_they_start() -> None:
    with redirect_stderr(Terminal()) as terminal, byte_bar("fetch", 4_000_000, 1_000_000) as step:
        step(500_000)
        time.sleep(REFRESH_S)
    assert "1.5/4.0 MB" in plain(terminal)
    with redirect_stderr(Terminal()) as terminal, byte_bar("fetch", None) as step:
        step(2_000_000)
        time.sleep(REFRESH_S)
    assert "2.0 MB" in plain(terminal)


def test_a_bar_inside_a_bar_shows_both_and_lines_come_above() -> None:
    with redirect_stderr(Terminal()) as terminal:
        with bar("export", None), bar("pictures", 2) as advance:
            advance()
            say("by the way")
        told = plain(terminal)
        assert "export" in told
        assert "pictures" in told
        assert "by the way\n" in told
        with bar("again", 1):
            pass
    assert "again" in plain(terminal)


def test_a_bar_ends_with_an_error_too() -> None:
    with redirect_stderr(Terminal()) as terminal:
        with pytest.raises(KeyError), bar("outer", None), bar("inner", 1):
            raise KeyError
        with bar("next", 1) as advance:
            advance()
    assert "next" in plain(terminal)


def test_a_noted_bar_shows_title_place_and_note() -> None:
    terminal = Terminal()
    with redirect_stderr(terminal), noted_bar(10, start=4) as step:
        step("epoch 2/3", ", loss 1.25")
        time.sleep(REFRESH_S)
    shown = plain(terminal)
    assert "epoch 2/3" in shown
    assert "5/10" in shown
    assert ", loss 1.25" in shown


def test_a_noted_bar_is_nothing_for_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with noted_bar(2) as step:
        step("epoch 1/1", ", loss 1")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "told"), [(5, "5 s"), (599, "599 s"), (3600, "60 min"), (9000, "2.5 h")]
)
def test_a_long_wait_is_told_in_minutes_or_hours(seconds: float, told: str) -> None:
    assert _duration(seconds) == told
