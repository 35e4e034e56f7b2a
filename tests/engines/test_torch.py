from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec
from edgecv.engines import open_engine
from edgecv.errors import MissingExtraError
from edgecv.runtime.preprocess import letterbox
from edgecv.stages.build import build_variant
from edgecv.types import Array, Image


@pytest.fixture
def bundle(tmp_path: Path, shared: Path) -> Bundle:
    pytest.importorskip("torch")
    from edgecv.models.checkpoint import read_checkpoint, write_checkpoint

    state = read_checkpoint(shared / "data" / "weights" / "yolox_nano.pth")
    write_checkpoint(tmp_path / "weights.safetensors", state)
    names = tuple(str(index) for index in range(80))
    spec = ModelSpec(name="nano", class_names=names, input=InputSpec(width=416, height=416))
    return Bundle(tmp_path, Manifest(spec=spec))


def published_answer(path: Path, batch: Image) -> list[Array]:
    """Boxes and scores of the published ONNX file, decoded by the formula of the paper."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    planes = batch.transpose(0, 3, 1, 2).astype(np.float32)
    (raw,) = session.run(None, {session.get_inputs()[0].name: planes})
    steps = [(x, y, s) for s in (8, 16, 32) for y in range(416 // s) for x in range(416 // s)]
    corner, stride = np.array(steps)[:, :2], np.array(steps)[:, 2:]
    centre, half = (raw[..., :2] + corner) * stride, np.exp(raw[..., 2:4]) * stride / 2
    boxes = np.concatenate([centre - half, centre + half], axis=2)
    return [boxes, raw[..., 4:5] * raw[..., 5:]]


def test_torch_answers_as_the_published_graph_does(bundle: Bundle, shared: Path) -> None:
    picture = cv2.imread(str(shared / "data" / "photos" / "dog.jpg"))
    batch = letterbox(picture, bundle.spec.input)[0][None]
    expected = published_answer(shared / "data" / "weights" / "yolox_nano_coco_416.onnx", batch)
    with open_engine(bundle, build_variant(bundle, "torch", "fp32")) as engine:
        boxes, scores = engine.infer(batch)
    np.testing.assert_allclose(boxes, expected[0], atol=0.05)
    np.testing.assert_allclose(scores, expected[1], atol=1e-4)
    assert scores.max() > 0.5


def test_without_torch_the_pip_line_of_compress_is_told(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = build_variant(bundle, "torch", "fp32")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"'torch'.*pip install .*\[compress\]'"):
        open_engine(bundle, variant)
