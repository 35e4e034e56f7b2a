from __future__ import annotations

from pathlib import Path

import numpy as np
from found import found, frame

from edgecv.data.mot_rows import read_rows
from edgecv.runtime.sinks.mot import MotText


def test_tracks_are_what_the_challenges_reader_reads(tmp_path: Path) -> None:
    sink = MotText(tmp_path / "o.txt", ["door"])
    for index, count in enumerate((2, 0, 1)):
        sink.write(frame(index), found(count))
    sink.close()
    rows = read_rows(tmp_path / "o.txt", sorted_by_frame=True)
    assert rows.frames.tolist() == [1, 1, 3]
    assert rows.ids.tolist() == [7, 8, 7]
    assert rows.boxes_xywh[1].tolist() == [28, 8, 16, 32]
    np.testing.assert_allclose(rows.scores, [0.9, 0.8, 0.9], atol=1e-4)


def test_each_stream_has_a_file_and_no_id_is_minus_one(tmp_path: Path) -> None:
    sink = MotText(tmp_path / "o.txt", ["door", "gate"])
    sink.write(frame(0, "gate"), found(1, tracked=False))
    sink.close()
    assert (tmp_path / "o-door.txt").read_text() == ""
    assert (tmp_path / "o-gate.txt").read_text().startswith("1,-1,8.00,8.00,16.00,32.00,0.9000,")
