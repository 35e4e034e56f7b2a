from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.data.conveyor.rule import read_rule
from edgecv.errors import DataError

SHIPPED = Path(__file__).parents[3] / "calibration" / "conveyor.yaml"


def test_the_shipped_rule_makes_a_set_apart_from_training_and_choice() -> None:
    rule = read_rule(SHIPPED)
    assert rule.seed not in (1, 2)
    assert rule.images >= 100
    assert rule.size_wh == (320, 320)


def test_all_problems_of_a_rule_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rule.yaml"
    path.write_text("seed: -1\nimage: 5\n", "utf-8")
    with pytest.raises(DataError) as caught:
        read_rule(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected seed, images and size_wh")
    assert [line.split(":")[0].strip() for line in message.splitlines()[1:]] == [
        "seed",
        "images",
        "image",
    ]


@pytest.mark.parametrize(
    ("text", "reason"), [("seed: [", "not YAML"), ("", "expected seed"), ("- 1", "expected seed")]
)
def test_what_is_no_rule_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "rule.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=reason):
        read_rule(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_rule(tmp_path / "absent.yaml")
