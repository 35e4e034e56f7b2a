from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from edgecv.errors import WeightsError
from edgecv.models.checkpoint import read_checkpoint, write_checkpoint

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.count": torch.tensor(3)}


def save(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def assert_same(found: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(STATE)
    for key, value in STATE.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0)


@pytest.mark.parametrize(
    "wrapped", [STATE, {"model": STATE}, {"state_dict": STATE}, {"model": STATE, "epoch": 3}]
)
def test_state_dict_is_found_alone_or_wrapped(tmp_path: Path, wrapped: Any) -> None:
    assert_same(read_checkpoint(save(tmp_path / "w.pth", wrapped)))


def test_files_of_the_format_before_zip_are_read(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"model": STATE}, path, _use_new_zipfile_serialization=False)
    assert_same(read_checkpoint(path))


def test_safetensors_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_checkpoint(path, {**STATE, "a.weight": STATE["a.weight"].T.contiguous().T})
    found = read_checkpoint(path)
    assert_same({key: found[key] for key in STATE})


def test_a_written_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "w.safetensors", STATE)
    (tmp_path / "other").write_text("")
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_by_name_and_not_run(tmp_path: Path, zipped: bool) -> None:
    path, trace = tmp_path / "w.pth", tmp_path / "trace"
    torch.save({"model": Evil(trace)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"w\.pth: the pickle names '(posix|nt|os)\.mkdir'"):
        read_checkpoint(path)
    assert not trace.exists()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    state = {f"{i}.weight": torch.ones(50, 50) for i in range(20)}
    write_checkpoint(path, state) if path.suffix == ".safetensors" else save(path, state)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match=r"truncated or damaged|not a whole safetensors"):
        read_checkpoint(path)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"<html>not found</html>", b"\x00" * 64, b"PK", b"hello"])
def test_something_else_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(WeightsError, match="the file is empty"):
        read_checkpoint(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth: no such file"):
        read_checkpoint(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (torch.ones(3), "a Tensor"),
        ([1, 2], "a list"),
        ({}, "an empty dict"),
        ({"model": {}}, "an empty dict"),
        ({"epoch": 3, "a.weight": torch.ones(2)}, "1 of 2 entries are no tensors, e.g. 'epoch'"),
    ],
)
def test_a_file_without_a_state_dict_says_what_it_holds(
    tmp_path: Path, value: Any, what: str
) -> None:
    with pytest.raises(WeightsError, match=what):
        read_checkpoint(save(tmp_path / "w.pth", value))


@pytest.mark.parametrize("name", ["zip.pth", "old.pth", "w.safetensors"])
def test_whatever_is_damaged_ends_in_one_line(tmp_path: Path, name: str) -> None:
    path, random = tmp_path / name, Random(0)
    if path.suffix == ".safetensors":
        write_checkpoint(path, STATE)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=name == "zip.pth")
    whole = path.read_bytes()
    refused = []
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(random.choice([1, 3, 20])):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        path.write_bytes(damaged)
        try:
            read_checkpoint(path)
        except WeightsError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert not any("\n" in message for message in refused)
