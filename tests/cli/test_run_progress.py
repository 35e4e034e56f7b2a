from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_videos import null_bundle, write_video

from edgecv.cli._run_progress import frames_of, told_how_far
from edgecv.runtime.sources import Capture, Source, find_sources
from edgecv.runtime.stats import Stats

REFRESH_S = 0.3  # a bar is drawn ten times a second


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass
class Belt:
    """Enough of a source for a bar: whether it has an end, and where."""

    live: bool = False
    frames: int | None = None


def opened(*belts: Belt) -> list[tuple[Source, Capture | None]]:
    return [(belt, belt) for belt in belts]  # type: ignore[misc]


def plain(told: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("frames", "most", "total"),
    [
        ((), None, 0),
        ((12,), None, 12),
        ((12, 30), None, 42),
        ((12, 30), 20, 32),
        ((12, None), None, None),
        ((12, None), 20, 32),
    ],
)
def test_the_frames_to_come_are_those_of_all_sources(
    frames: tuple[int | None, ...], most: int | None, total: int | None
) -> None:
    assert frames_of(opened(*(Belt(frames=count) for count in frames)), most) == total


def test_videos_and_folders_of_pictures_tell_how_many_frames_they_hold(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 12)
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"")
    sources = find_sources([str(tmp_path / "v.mp4"), str(tmp_path)])
    assert frames_of([(source, source.open()) for source in sources], None) == 14


@pytest.mark.parametrize(
    ("terminal", "belts", "quiet", "shown"),
    [
        (Terminal(), [Belt(frames=12)], False, True),
        (Terminal(), [Belt()], False, True),
        (io.StringIO(), [Belt(frames=12)], False, False),
        (Terminal(), [Belt(frames=12)], True, False),
        (Terminal(), [Belt(frames=12), Belt(live=True)], False, False),
    ],
)
def test_a_bar_is_for_a_terminal_that_is_free_and_sources_that_end(
    terminal: io.StringIO, belts: list[Belt], quiet: bool, shown: bool
) -> None:
    stats = Stats(["a", "b"])
    with redirect_stderr(terminal), told_how_far(opened(*belts), None, stats, quiet) as look:
        for _ in range(3):
            stats.streams["a"].frames_in += 2
            stats.streams["b"].frames_in += 1
            look()
        time.sleep(REFRESH_S)
    told = plain(terminal.getvalue())
    assert ("frames" in told) == shown
    assert (told == "") == (not shown)
    assert ("9/12" in told) == (shown and belts[0].frames == 12)


@pytest.mark.parametrize("piped", [False, True])
def test_a_run_shows_how_far_it_is_at_a_terminal_alone(tmp_path: Path, piped: bool) -> None:
    bundle = null_bundle(tmp_path / "bundle").folder
    video = write_video(tmp_path / "v.mp4", 30)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "edgecv", "run", bundle, "--source", video],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if piped else theirs,
        env={**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    assert done.returncode == 0
    if piped:
        assert done.stderr == b""
    else:
        assert "/30" in plain(os.read(ours, 65536).decode())
    os.close(theirs)
    os.close(ours)
