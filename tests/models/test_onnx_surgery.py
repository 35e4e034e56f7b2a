from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from detectors import yolo_onnx

from edgecv.errors import ModelError
from edgecv.models.onnx_source import OnnxSource, infer_source, open_source
from edgecv.models.onnx_surgery import Batch, to_contract
from edgecv.models.onnx_write import write_graph
from edgecv.recipe import LoadSettings


def source_of(folder: Path, model: onnx.ModelProto) -> OnnxSource:
    onnx.save(model, folder / "d.onnx")
    return open_source(folder / "d.onnx", LoadSettings())


@pytest.mark.parametrize("simplify", [True, False])
@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("head", ["yolox", "yolov8", "yolov5"])
def test_the_graph_answers_as_the_source_decoded_in_numpy(
    tmp_path: Path, head: str, opset: int, simplify: bool
) -> None:
    source = source_of(tmp_path, yolo_onnx(head, opset=13))
    path = tmp_path / "model.onnx"
    written = write_graph(to_contract(source, 1, opset), path, simplify=simplify)
    assert [entry.version for entry in written.opset_import] == [opset]
    session = ort.InferenceSession(path)
    pictures = np.random.default_rng(1).integers(0, 256, (4, 64, 64, 3), np.uint8)
    reference = infer_source(source)
    for picture in pictures:
        boxes, scores = session.run(["boxes", "scores"], {"images": picture[None]})
        expected = reference(picture[None])
        np.testing.assert_allclose(boxes, expected[0], rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(scores, expected[1], atol=1e-6)
    assert np.ptp(expected[1]) > 1e-3


@pytest.mark.parametrize(("asked", "counts"), [("dynamic", (1, 3)), (2, (2,)), (1, (1,))])
def test_a_source_of_any_batch_gives_the_batch_asked_for(
    tmp_path: Path, asked: Batch, counts: tuple[int, ...]
) -> None:
    source = source_of(tmp_path, yolo_onnx("yolov8", batch="n"))
    path = tmp_path / "model.onnx"
    write_graph(to_contract(source, asked, 17), path, simplify=True)
    session = ort.InferenceSession(path)
    assert session.get_inputs()[0].shape[0] == ("batch" if asked == "dynamic" else asked)
    for count in counts:
        pictures = np.random.default_rng(1).integers(0, 256, (count, 64, 64, 3), np.uint8)
        boxes, _ = session.run(["boxes", "scores"], {"images": pictures})
        np.testing.assert_allclose(boxes, infer_source(source)(pictures)[0], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("asked", ["dynamic", 2])
def test_a_fixed_batch_cannot_be_changed(tmp_path: Path, asked: Batch) -> None:
    source = source_of(tmp_path, yolo_onnx("yolov8", batch=1))
    with pytest.raises(ModelError, match=rf"fixed at 1, export\.batch is {asked}"):
        to_contract(source, asked, 17)


def test_a_batch_that_is_only_called_dynamic_is_found_out(tmp_path: Path) -> None:
    source = source_of(tmp_path, yolo_onnx("yolov8", batch="n", reshaped_to=1))
    to_contract(source, 1, 17)
    with pytest.raises(ModelError, match=r"one at a time|does not run"):
        to_contract(source, "dynamic", 17)


def test_names_of_the_source_may_be_those_of_the_contract(tmp_path: Path) -> None:
    model = yolo_onnx("yolov8")
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [
                "boxes" if name == "px" else "scores" if name == "rows" else name for name in names
            ]
    source = source_of(tmp_path, model)
    path = tmp_path / "model.onnx"
    write_graph(to_contract(source, 1, 17), path, simplify=False)
    picture = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3), np.uint8)
    boxes, _ = ort.InferenceSession(path).run(["boxes", "scores"], {"images": picture})
    np.testing.assert_allclose(boxes, infer_source(source)(picture)[0], rtol=1e-5, atol=1e-3)


def test_the_source_is_left_as_it_was(tmp_path: Path) -> None:
    model = yolo_onnx("yolov8", opset=17)
    source = source_of(tmp_path, model)
    to_contract(source, 1, 17)
    assert source.model == model


def test_operators_that_cannot_be_written_in_the_opset_are_refused(tmp_path: Path) -> None:
    # opset 17 has no Split by number of outputs
    model = yolo_onnx("yolov8", opset=18, classes=4)
    split = next(node for node in model.graph.node if node.op_type == "Split")
    del split.input[1]
    split.attribute.append(onnx.helper.make_attribute("num_outputs", 2))
    source = source_of(tmp_path, model)
    with pytest.raises(ModelError, match=r"written in opset 18, which cannot become 17"):
        to_contract(source, 1, 17)
