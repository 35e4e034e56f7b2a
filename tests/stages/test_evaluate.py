from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from small_bundles import CLASSES, POINTS, WEIGHTS, small_bundle, small_graph
from small_runs import write_data

from edgecv.bundle import Bundle, Variant
from edgecv.data.dataset import open_dataset
from edgecv.errors import DataError, EngineError, UsageError
from edgecv.metrics.detection import score_detections
from edgecv.recipe import EvaluateSettings
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import letterbox
from edgecv.stages import Context
from edgecv.stages.build import build_variant
from edgecv.stages.evaluate import answer, reference_of, run
from edgecv.types import Detections

# boxes that lie in the picture: left and top from two colours, both sides from the third
GOOD = np.concatenate(
    [np.array([[1, 0, 0], [0, 1, 0], [1, 0, 3], [0, 1, 3]], np.float32) / 64, WEIGHTS[4:]]
)
NAMES = tuple(f"class {index}" for index in range(CLASSES))
QUICK = EvaluateSettings(resamples=20)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_data(tmp_path / "photos", pictures=6, classes=NAMES)
    return tmp_path / "photos"


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: False)
    made = small_bundle(tmp_path / "bundle", int8=("onnxruntime",))
    onnx.save(small_graph(weights=GOOD), made.path("model.onnx"))
    # wrong on purpose: one class is taken for another
    wrong = GOOD.copy()
    wrong[4:] = GOOD[4:][[1, 1, 2]] * 0.7
    onnx.save(small_graph(weights=wrong), made.path("onnx/onnxruntime-int8.onnx"))
    made.save()
    for engine, precision in (("openvino", "fp32"), ("onnxruntime", "int8")):
        build_variant(made, engine, precision)  # type: ignore[arg-type]
    build_variant(made, "onnxruntime", "fp32")
    made.save()
    return made


def test_every_variant_is_scored_and_compared_with_the_float_one(
    bundle: Bundle, data: Path
) -> None:
    pictures = sorted((data / "images").iterdir())
    mark_what_is_found(data, [by_numpy(bundle, path) for path in pictures])
    found = run(bundle, QUICK, Context(data=data))
    assert found["data"] == {"name": "photos", "images": 6, "boxes": 6, "classes": 3}
    assert found["reference"] == "onnxruntime-fp32"
    assert list(found["variants"]) == ["openvino-fp32", "onnxruntime-int8", "onnxruntime-fp32"]
    for one in found["variants"].values():
        assert set(one) == {"accuracy", "drop", "parity"}
        assert one["accuracy"]["images"] == 6
    itself, twin, wrong = (
        found["variants"][name]
        for name in ("onnxruntime-fp32", "openvino-fp32", "onnxruntime-int8")
    )
    assert itself["parity"] is None
    assert itself["drop"] == {"mAP": 0.0, "interval": [0.0, 0.0]}
    assert twin["parity"]["sqnr_db"] > 100
    assert wrong["parity"]["sqnr_db"] < 30
    assert wrong["parity"]["images"] == 6
    lost = itself["accuracy"]["mAP"] - wrong["accuracy"]["mAP"]
    assert wrong["drop"]["mAP"] == pytest.approx(lost)
    assert lost > 0.01
    assert "INT8 at least" in found["summary"]


def by_numpy(bundle: Bundle, path: Path) -> Detections:
    """What the network finds in a picture, without any graph."""
    image, place = letterbox(cv2.imread(str(path)), bundle.spec.input)
    values = image[::8, ::8].reshape(POINTS, 3) @ GOOD.T
    scores = 1 / (1 + np.exp(-values[:, 4:]))
    return postprocess(values[:, :4], scores, place, score_min=0.001, nms_iou=0.65, max_boxes=100)


def mark_what_is_found(data: Path, found: list[Detections]) -> None:
    """Make a box that the network finds in each picture, of the same class, its ground truth."""
    content = json.loads((data / "instances.json").read_text())
    for mark, one in zip(content["annotations"], found, strict=True):
        left, top, right, bottom = one.boxes_xyxy.T
        inside = (left >= 0) & (top >= 0) & (right > left + 1) & (bottom > top + 1)
        inside &= one.class_ids == mark["category_id"]
        for index in np.flatnonzero(inside & (right < 64) & (bottom < 48))[:1]:
            mark["bbox"] = np.array([left, top, right - left, bottom - top], np.float64)[
                :, index
            ].tolist()
    (data / "instances.json").write_text(json.dumps(content))


def test_the_score_is_that_of_the_network_in_numpy(bundle: Bundle, data: Path) -> None:
    pictures = sorted((data / "images").iterdir())
    detections = [by_numpy(bundle, path) for path in pictures]
    mark_what_is_found(data, detections)
    expected = score_detections(open_dataset(data), detections, NAMES, resamples=0)
    assert 0.05 < expected.mAP < 1
    found = run(bundle, QUICK, Context(data=data))["variants"]["onnxruntime-fp32"]["accuracy"]
    assert found["mAP"] == pytest.approx(expected.mAP, abs=1e-9)
    assert found["per_class"] == pytest.approx(expected.per_class)


def test_without_ground_truth_there_is_parity_alone(bundle: Bundle, data: Path) -> None:
    (data / "images" / "damaged.png").write_bytes(b"")
    found = run(bundle, QUICK, Context(calibration=data))
    assert found["data"] is None
    one = found["variants"]["onnxruntime-int8"]
    assert (one["accuracy"], one["drop"]) == (None, None)
    assert one["parity"]["images"] == 6
    assert found["summary"] == "3 variants on 6 pictures, without ground truth"


def test_a_fixed_batch_is_filled_and_answers_the_same(tmp_path: Path, data: Path) -> None:
    answers = []
    for batch in (1, 3):
        made = small_bundle(tmp_path / f"bundle{batch}", batch=batch)
        variant = build_variant(made, "onnxruntime", "fp32")
        (first, *rest) = answer(
            made, variant, sorted((data / "images").iterdir()), QUICK, lambda: None
        )
        assert len(rest) == 5
        answers.append(first)
    assert (answers[0].scores == answers[1].scores).all()
    assert (answers[0].detections.boxes_xyxy == answers[1].detections.boxes_xyxy).all()


def test_classes_that_the_model_does_not_know_are_refused_before_any_engine_opens(
    bundle: Bundle, tmp_path: Path
) -> None:
    write_data(tmp_path / "other", classes=("ant",))
    bundle.path("model.onnx").unlink()
    with pytest.raises(DataError, match="'ant'"):
        run(bundle, QUICK, Context(data=tmp_path / "other"))


def test_no_pictures_at_all_are_refused(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="--data DIR or --calibration DIR"):
        run(bundle, QUICK, Context())


def test_answers_that_are_not_finite_are_refused(tmp_path: Path, data: Path) -> None:
    made = small_bundle(tmp_path / "nan")
    onnx.save(small_graph(weights=WEIGHTS * np.float32(np.nan)), made.path("model.onnx"))
    made.save()
    build_variant(made, "onnxruntime", "fp32")
    with pytest.raises(EngineError, match=r"not finite for .*0\.png"):
        run(made, QUICK, Context(data=data))


def test_the_reference_is_the_first_float_variant_of_a_known_order() -> None:
    def variant(name: str) -> Variant:
        engine, _, precision = name.rpartition("-")
        return Variant.model_validate(
            {"name": name, "engine": engine, "precision": precision, "file": "f"}
        )

    every = [variant(name) for name in ("tensorrt-fp32", "openvino-fp32", "onnxruntime-fp32")]
    assert reference_of(every) is every[2]
    assert reference_of(every[:2]) is every[1]
    assert reference_of([variant("onnxruntime-int8")]) is None
    assert reference_of([]) is None


def test_a_bundle_without_float_has_scores_but_nothing_to_compare_with(
    bundle: Bundle, data: Path
) -> None:
    bundle.update(variants=tuple(v for v in bundle.manifest.variants if v.precision == "int8"))
    found = run(bundle, QUICK, Context(data=data))
    assert found["reference"] is None
    assert found["variants"]["onnxruntime-int8"]["accuracy"]["images"] == 6
    assert found["variants"]["onnxruntime-int8"]["drop"] is None
    assert found["variants"]["onnxruntime-int8"]["parity"] is None
