from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from detectors import yolo_onnx
from onnx import helper

from edgecv.errors import ModelError
from edgecv.models.onnx_read import class_names_of, read_onnx


def save(path: Path, model: onnx.ModelProto) -> Path:
    onnx.save(model, path)
    return path


def one_node(op: str, domain: str = "", **attributes: object) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], ["y"], domain=domain, **attributes)],
        "g",
        [value("x", 1, [1])],
        [value("y", 1, [1])],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.acme", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def test_a_float_detector_is_read(tmp_path: Path) -> None:
    model = yolo_onnx("yolov8")
    assert read_onnx(save(tmp_path / "d.onnx", model)) == model


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    whole = yolo_onnx("yolov8").SerializeToString()
    (tmp_path / "d.onnx").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match=r"d\.onnx: not a whole ONNX file \(\d+ bytes"):
        read_onnx(tmp_path / "d.onnx")


@pytest.mark.parametrize("content", [b"<html>hello</html>", b"PK\x03\x04", b"\x08\x07"])
def test_something_else_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.onnx").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_onnx(tmp_path / "d.onnx")
    assert "\n" not in str(caught.value)


def test_an_opset_of_the_future_and_a_graph_without_output_are_told_as_such(
    tmp_path: Path,
) -> None:
    model = yolo_onnx("yolov8")
    del model.graph.output[:]
    with pytest.raises(ModelError, match="the graph has no output"):
        read_onnx(save(tmp_path / "d.onnx", model))
    model.opset_import[0].version = 99
    with pytest.raises(ModelError, match=r"written in opset 99, \d+ is the newest known here"):
        read_onnx(save(tmp_path / "d.onnx", model))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: no such file"):
        read_onnx(tmp_path / "none.onnx")


def test_weights_in_a_missing_file_are_asked_for(tmp_path: Path) -> None:
    model = yolo_onnx("yolov8")
    onnx.save(
        model, tmp_path / "d.onnx", save_as_external_data=True, location="d.bin", size_threshold=0
    )
    read_onnx(tmp_path / "d.onnx")
    (tmp_path / "d.bin").unlink()
    with pytest.raises(ModelError, match=r"d\.onnx: .*d\.bin"):
        read_onnx(tmp_path / "d.onnx")


@pytest.mark.parametrize(
    ("op", "domain", "named"),
    [("Frobnicate", "", "Frobnicate"), ("Conv", "com.acme", r"com\.acme\.Conv")],
)
def test_unknown_operators_are_named(tmp_path: Path, op: str, domain: str, named: str) -> None:
    with pytest.raises(ModelError, match=f"operators that are not ONNX's own: {named}"):
        read_onnx(save(tmp_path / "d.onnx", one_node(op, domain)))


def test_control_flow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="control flow in the graph: Loop"):
        read_onnx(save(tmp_path / "d.onnx", one_node("Loop")))


def test_a_quantised_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="already quantised: QuantizeLinear"):
        read_onnx(save(tmp_path / "d.onnx", one_node("QuantizeLinear")))


def test_a_graph_with_a_node_that_reads_nothing_is_refused(tmp_path: Path) -> None:
    model = yolo_onnx("yolov8")
    model.graph.node[1].input[0] = "nowhere"
    with pytest.raises(ModelError, match="not a whole ONNX file"):
        read_onnx(save(tmp_path / "d.onnx", model))


@pytest.mark.parametrize(
    "text",
    ["{0: 'ok', 1: 'a b'}", "['ok', 'a b']", "{1: 'a b', 0: 'ok'}", '{"0": "ok", "1": "a b"}'],
)
def test_class_names_are_read_from_the_metadata(text: str) -> None:
    assert class_names_of(Path("d.onnx"), yolo_onnx("yolov8", names=text)) == ("ok", "a b")


def test_no_metadata_means_no_names() -> None:
    assert class_names_of(Path("d.onnx"), yolo_onnx("yolov8")) is None


@pytest.mark.parametrize(
    "text",
    ["{0: 'a', 2: 'b'}", "[1, 2]", "person", "__import__('os').getcwd()", "", "'x'", "3", "("],
)
def test_metadata_that_is_no_list_of_names_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="class names in the metadata cannot be read"):
        class_names_of(Path("d.onnx"), yolo_onnx("yolov8", names=text))


def test_the_detectors_of_these_tests_have_distinct_weights() -> None:
    first, second = (
        onnx.numpy_helper.to_array(yolo_onnx("yolox", seed=s).graph.initializer[0]) for s in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_whatever_is_damaged_ends_in_one_line(tmp_path: Path) -> None:
    path, random = tmp_path / "d.onnx", Random(0)
    whole = yolo_onnx("yolov8").SerializeToString()
    # nodes and shapes stand before and after the weights
    ends = [*range(600), *range(len(whole) - 200, len(whole))]
    refused = []
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(random.choice([1, 3, 20])):
            damaged[random.choice(ends)] = random.randrange(256)
        path.write_bytes(damaged)
        try:
            read_onnx(path)
        except ModelError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert not any("\n" in message for message in refused)
