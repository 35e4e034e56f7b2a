from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from detectors import yolo_onnx

from edgecv.errors import ModelError
from edgecv.models.onnx_write import write_graph


@pytest.mark.parametrize("simplify", [True, False])
def test_what_is_saved_is_what_is_returned(tmp_path: Path, simplify: bool) -> None:
    path = tmp_path / "model.onnx"
    written = write_graph(yolo_onnx("yolox"), path, simplify=simplify)
    assert onnx.load(path) == written
    assert (written.ir_version, written.producer_name) == (8, "edgecv")
    onnx.checker.check_model(written, full_check=True)


def test_simplifying_folds_what_is_constant(tmp_path: Path) -> None:
    model = yolo_onnx("yolox")
    identity = onnx.helper.make_node("Identity", ["output"], ["same"], "same")
    model.graph.node.append(identity)
    model.graph.output[0].name = "same"
    kinds = {
        simplify: {
            n.op_type for n in write_graph(model, tmp_path / "m", simplify=simplify).graph.node
        }
        for simplify in (True, False)
    }
    assert "Identity" in kinds[False]
    assert "Identity" not in kinds[True]


def test_the_same_graph_gives_the_same_bytes(tmp_path: Path) -> None:
    files = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for path in files:
        write_graph(yolo_onnx("yolov8"), path, simplify=True)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_graph_against_the_rules_is_refused(tmp_path: Path) -> None:
    model = yolo_onnx("yolox")
    next(node for node in model.graph.node if node.op_type == "Conv").attribute[0].name = "stride"
    with pytest.raises(ModelError, match=r"model\.onnx: the exported graph breaks ONNX's rules"):
        write_graph(model, tmp_path / "model.onnx", simplify=False)
