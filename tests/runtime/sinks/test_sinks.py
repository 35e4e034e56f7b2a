from __future__ import annotations

from pathlib import Path

from edgecv.runtime.sinks import path_of


def test_one_stream_writes_where_it_was_told_and_several_beside_it() -> None:
    path = Path("out/tracks.mp4")
    assert path_of(path, "door", alone=True) == path
    assert path_of(path, "door", alone=False) == Path("out/tracks-door.mp4")
