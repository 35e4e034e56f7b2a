from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgecv.cli import group
from edgecv.data.conveyor import CLASS_NAMES
from edgecv.data.dataset import open_dataset


def call(*args: str) -> Result:
    return CliRunner().invoke(group, ["data", "conveyor", *args])


def test_a_set_is_drawn_and_counted(tmp_path: Path) -> None:
    args = ["--images", "2", "--seed", "5", "--size", "160x128", "--split", "val"]
    done = call(str(tmp_path), *args, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    samples = open_dataset(tmp_path, "val").samples
    assert told["images"] == len(samples) == 2
    assert list(told["boxes"]) == list(CLASS_NAMES)
    assert sum(told["boxes"].values()) == sum(len(sample.class_ids) for sample in samples)


def test_without_json_one_line_is_printed(tmp_path: Path) -> None:
    done = call(str(tmp_path), "--images", "1", "--size", "160x128")
    assert done.stdout.startswith(f"{tmp_path}: 1 pictures of 160x128 with ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("size", ["160", "axb", "63x100", "100x5000", ""])
def test_a_size_that_cannot_be_is_refused(tmp_path: Path, size: str) -> None:
    done = call(str(tmp_path), "--size", size)
    assert done.exit_code == 2
    assert f"'{size}'; expected WIDTHxHEIGHT of 64 to 4096 pixels" in done.output
