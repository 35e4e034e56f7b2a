from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.errors import EngineError, UsageError
from edgecv.pruning import conv_times as module
from edgecv.pruning.conv_times import Engine, conv_times, counts
from edgecv.pruning.convs import Conv

PLAIN = Conv(8, 16, False, (3, 3), (1, 1), (1, 1, 1, 1), 16, 16, "Silu")
DEPTHWISE = Conv(16, 16, True, (3, 3), (2, 2), (1, 1, 1, 1), 16, 16, "")
DENSE = PLAIN._replace(activation="Relu")
HARD = PLAIN._replace(activation="HardSwish", kernel=(1, 1), pads=(0, 0, 0, 0))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_every_conv_gets_a_time(engine: str) -> None:
    found = conv_times([PLAIN, DEPTHWISE, HARD, DENSE, PLAIN], Engine(engine, 1))
    assert [*found] == [PLAIN, DEPTHWISE, HARD, DENSE]
    assert all(0 < ms < 1000 for ms in found.values())


def test_what_was_measured_once_is_not_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine("onnxruntime", 1)
    before = conv_times([PLAIN, DEPTHWISE], engine)

    def measured(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(module, "profile", measured)
    assert conv_times([DEPTHWISE, PLAIN], engine) == before
    # on another number of cores it is another time
    with pytest.raises(AssertionError, match="measured again"):
        conv_times([PLAIN], engine._replace(threads=2))


def test_half_a_file_in_the_cache_is_measured_again(own_cache: Path) -> None:
    engine = Engine("onnxruntime", 1)
    conv_times([PLAIN], engine)
    (path,) = own_cache.rglob("*.json")
    for damaged in ("{", "[]"):
        path.write_text(damaged)
        assert conv_times([PLAIN], engine)[PLAIN] > 0


def test_no_convs_take_no_time(own_cache: Path) -> None:
    assert conv_times([], Engine("openvino", 1)) == {}
    assert [*own_cache.iterdir()] == []


def test_a_conv_that_the_engine_refuses_and_an_engine_without_times_are_told() -> None:
    broken = PLAIN._replace(height=1, width=1, pads=(0, 0, 0, 0))
    with pytest.raises(EngineError, match="ONNX Runtime cannot time it"):
        conv_times([broken], Engine("onnxruntime", 1))
    with pytest.raises(UsageError, match=r"no times of single layers .*'torch'; expected one of"):
        conv_times([PLAIN], Engine("torch", 1))


@pytest.mark.parametrize(
    ("channels", "round_to", "expected"),
    [
        (256, 8, (32, 64, 128, 192, 256)),
        (16, 8, (8, 16)),
        (4, 8, (4,)),
        (20, 8, (8, 16, 20)),
        (1, 1, (1,)),
    ],
)
def test_layers_are_measured_at_some_multiples(
    channels: int, round_to: int, expected: tuple[int, ...]
) -> None:
    assert counts(channels, round_to) == expected
