from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from networks import network, pictures
from onnx import numpy_helper

from edgecv.bundle import OutputSpec
from edgecv.quantization.blame import find_departure, first_departing
from edgecv.quantization.execute import Pictures, Runner
from edgecv.quantization.files import Files, calibrate
from edgecv.quantization.network import read_network
from edgecv.recipe import QuantizeSettings
from edgecv.types import Array, Image


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    return pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def files(sample: Pictures) -> Files:
    return calibrate(read_network(network()), OutputSpec(), sample, QuantizeSettings(), "x86")


def exact(model: onnx.ModelProto, tensor: str, batches: Sequence[Image]) -> list[Array]:
    run = Runner(model, [tensor])
    return [run(batch)[tensor] for batch in batches]


def wrong_at(node: str):  # type: ignore[no-untyped-def]
    """An engine that computes with a wrong weight scale in one conv, as a wrong kernel would."""

    def compute(model: onnx.ModelProto, tensor: str, batches: Sequence[Image]) -> list[Array]:
        for weight in model.graph.initializer:
            if weight.name == f"{node}.weight.scale":
                scale = 1.5 * numpy_helper.to_array(weight)
                weight.CopyFrom(numpy_helper.from_array(scale, weight.name))
        return exact(model, tensor, batches)

    return compute


def test_an_engine_that_does_as_the_file_says_departs_nowhere(
    files: Files, sample: Pictures
) -> None:
    model = files.emission("openvino", ())
    assert find_departure(files.network, model, files.known.output, sample, exact) is None


@pytest.mark.parametrize("node", ["stem", "mixed"])  # whose errors reach the detections
def test_the_first_wrong_conv_is_blamed(files: Files, sample: Pictures, node: str) -> None:
    model = files.emission("openvino", ())
    found = find_departure(files.network, model, files.known.output, sample, wrong_at(node))
    assert found is not None
    assert found.node == node
    assert found.sqnr_db < 25


def test_an_engine_that_is_wrong_behind_every_conv_is_said_to_be(
    files: Files, sample: Pictures
) -> None:
    def compute(model: onnx.ModelProto, tensor: str, batches: Sequence[Image]) -> list[Array]:
        factor = 2 if tensor == "scores" else 1
        return [np.asarray(factor * one) for one in exact(model, tensor, batches)]

    model = files.emission("openvino", ())
    found = find_departure(files.network, model, files.known.output, sample, compute)
    assert found is not None
    assert found.node is None


@pytest.mark.parametrize("first", range(6))
def test_the_first_of_a_chain_is_found(first: int) -> None:
    order = list("abcdef")
    before = {name: order[max(0, index - 1) : index] for index, name in enumerate(order)}
    assert first_departing(order, before, lambda name: name >= order[first]) == order[first]


def test_a_branch_that_is_right_does_not_hide_where_it_began() -> None:
    # a feeds b, which feeds d; c is computed between them and feeds nothing that is wrong
    before = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"]}
    assert first_departing(list("abcde"), before, lambda name: name in "bde") == "b"


def test_nothing_that_departs_gives_none() -> None:
    assert first_departing(["a"], {"a": []}, lambda _: False) is None
    assert first_departing([], {}, lambda _: True) is None


OVERFLOW = """
import sys
from pathlib import Path

import cv2
from networks import SIZE, network, pictures

from edgecv.bundle import Bundle, Manifest, ModelSpec, OutputSpec
from edgecv.machine import int8_cpu
from edgecv.quantization.files import calibrate
from edgecv.quantization.judge import Judge
from edgecv.quantization.network import read_network
from edgecv.recipe import QuantizeSettings

folder, bits = Path(sys.argv[1]), sys.argv[2]
sample = pictures(folder)
for path in sample.paths:  # two bright pixels are what overflows
    cv2.imwrite(str(path), 255 - cv2.imread(str(path)) // 8)
settings = QuantizeSettings(weight_bits=bits if bits == "auto" else int(bits))
cpu = "x86" if bits == "auto" else int8_cpu()
files = calibrate(read_network(network()), OutputSpec(), sample, settings, cpu)
spec = ModelSpec(name="small", class_names=tuple("abcde"), input=SIZE)
judge = Judge(Bundle(folder, Manifest(spec=spec)), files, None)
found = judge.departure(files, judge.attempt("openvino", 0.0, 0.0))
print(found.node if found else "nowhere")
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="16-bit sums are a thing of x86")
@pytest.mark.parametrize(("bits", "where"), [("8", "stem"), ("auto", "nowhere")])
def test_openvino_with_avx2_alone_is_blamed_where_weights_overflow(
    tmp_path: Path, bits: str, where: str
) -> None:
    # a process of its own: oneDNN reads which instructions it may use once
    told = subprocess.run(
        [sys.executable, "-c", OVERFLOW, tmp_path, bits],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split()[-1] == where, told.stderr
