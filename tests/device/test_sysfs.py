from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.device.sysfs import read_number, read_text


@pytest.mark.parametrize(
    ("content", "text", "number"),
    [
        (b"41250\n", "41250", 41250.0),
        (b"-5", "-5", -5.0),
        (b"name\0", "name", None),
        (b"", "", None),
        # JSON has no such numbers
        (b"nan\n", "nan", None),
        (b"-inf\n", "-inf", None),
        (b"1e999\n", "1e999", None),
        (b"\xff\n", "\ufffd", None),
    ],
)
def test_a_file_is_a_word_and_perhaps_a_number(
    tmp_path: Path, content: bytes, text: str, number: float | None
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read_text(tmp_path / "file") == text
    assert read_number(tmp_path / "file") == number


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        assert read_text(path) is None
        assert read_number(path) is None
