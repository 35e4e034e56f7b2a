from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_shapes import CLASSES, STILL, write_shapes
from small_qat import SIDE, Small, calibrated, write_pictures

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec
from edgecv.errors import EdgecvError, ModelError, UsageError
from edgecv.models.checkpoint import write_checkpoint
from edgecv.models.detector import Detector
from edgecv.quantization import qat_loss
from edgecv.quantization.budget import Step
from edgecv.quantization.files import TARGETS
from edgecv.quantization.judge import Judge
from edgecv.quantization.plan import Scheme
from edgecv.quantization.qat import Learnt, check_trainable, fine_tune
from edgecv.quantization.rounding import Limits
from edgecv.recipe import QatSettings, QuantizeSettings
from edgecv.stages import Context
from edgecv.training.pictures import DatasetPictures
from edgecv.training.splits import open_parts


def make_bundle(folder: Path, model: Detector, side: tuple[int, int] = (SIDE, SIDE)) -> Bundle:
    size = InputSpec(width=side[0], height=side[1])
    spec = ModelSpec(name="small", class_names=CLASSES, input=size)
    folder.mkdir(parents=True, exist_ok=True)
    bundle = Bundle(folder, Manifest(spec=spec))
    write_checkpoint(bundle.new_file("weights.safetensors"), model.state_dict())
    return bundle


def settings_for(small: Small, **train: Any) -> QuantizeSettings:
    values = {"batch": 4, "workers": 0, "augment": STILL.model_dump(), "lr": 0.01, **train}
    qat = QatSettings.model_validate({"train": values})
    return small.settings.model_copy(update={"method": "qat", "qat": qat})


def write_known(folder: Path) -> Path:
    """The four pictures that the detector knows, to learn from and to choose by."""
    data = write_shapes(folder, train=4)
    shutil.copyfile(data / "instances_train.json", data / "instances_val.json")
    return data


def steps(small: Small, worst: str = "onnxruntime") -> dict[str, Step]:
    return {
        target: Step(target, 0.1, [*small.kept[target]], 20.0, 0.1 if target == worst else 0.2)
        for target in TARGETS
    }


@pytest.fixture
def call(detector: Detector, tmp_path: Path) -> Callable[..., Learnt]:
    bundle = make_bundle(tmp_path / "bundle", detector)
    data = write_known(tmp_path / "data")

    def called(small: Small, folder: str = "scratch", photos: Any = None, **train: Any) -> Learnt:
        context = Context(data=None if photos else data, scratch=tmp_path / folder)
        settings = settings_for(small, **train)
        return fine_tune(bundle, small.files, steps(small), settings, context, photos or ())

    return called


def test_weights_of_four_bits_that_broke_a_detector_learn_to_live_with_it(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scheme, "limits", lambda self, layer: Limits(7))
    small = calibrated(detector, tmp_path / "files")
    data, bundle = write_known(tmp_path / "data"), make_bundle(tmp_path / "bundle", detector)
    settings = settings_for(small, epochs=80, validate_every=20)
    known = open_parts(data, settings.qat.train, SIDE).val
    assert isinstance(known, DatasetPictures)
    judge = Judge(bundle, small.files, known.dataset)
    context = Context(data=data, scratch=tmp_path / "scratch")
    found = fine_tune(bundle, small.files, steps(small), settings, context, ())
    assert judge.float_score is not None
    for step in steps(small).values():
        # by the engines, whose files have the same nodes
        before, after = (judge.again(files, step).score for files in (small.files, found.files))
        assert before is not None
        assert after is not None
        assert judge.float_score - before > 0.25
        # how much comes back on so few pictures differs by a third from processor to processor
        assert after - before > 0.05


def test_stopped_and_called_again_it_ends_with_the_same_weights(
    small: Small, call: Callable[..., Learnt], monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"epochs": 3, "batch": 2, "checkpoint_every_s": 0}
    whole = call(small, "whole", **how)
    real, taken = qat_loss.FilesLoss.forward, []

    def stopped(self: Any, *args: Any) -> Any:
        taken.append(1)
        if len(taken) == 4:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(qat_loss.FilesLoss, "forward", stopped)
    with pytest.raises(KeyboardInterrupt):
        call(small, "stopped", **how)
    again = call(small, "stopped", **how)
    assert len(taken) == 4 + 3  # of six steps three were done
    for name, row in whole.files.asymmetric.items():
        np.testing.assert_array_equal(row.integers, again.files.asymmetric[name].integers)
        np.testing.assert_array_equal(row.bias, again.files.asymmetric[name].bias)
    assert any(
        not np.array_equal(row.integers, small.files.asymmetric[name].integers)
        for name, row in whole.files.asymmetric.items()
    )
    assert whole.told["truth"] is True
    assert (whole.told["epochs"], whole.told["steps"]) == (3, 6)


def test_a_half_done_training_of_other_settings_is_refused(
    small: Small, call: Callable[..., Learnt]
) -> None:
    call(small, epochs=1)
    with pytest.raises(UsageError, match=r"quantize\.qat\.train\.lr was 0\.01, is 0\.2"):
        call(small, epochs=1, lr=0.2)
    other = replace(small, settings=small.settings.model_copy(update={"images": 9}))
    with pytest.raises(UsageError, match="quantize changed"):
        call(other, epochs=1)


def test_photos_that_judge_are_not_learnt_from(
    small: Small, call: Callable[..., Learnt], tmp_path: Path
) -> None:
    judging = small.files.known.pictures.paths
    others = write_pictures(tmp_path / "photos", 4).paths
    found = call(small, photos=[*judging, *others], epochs=1, val_fraction=0.5)
    assert found.told["truth"] is False
    assert found.told["train"]["images"] + found.told["val"]["images"] == 4
    with pytest.raises(UsageError, match="0 is left to learn from"):
        call(small, "other", photos=judging, epochs=1)


def test_too_little_memory_says_what_to_lower(
    small: Small, call: Callable[..., Learnt], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(qat_loss.FilesLoss, "forward", full)
    with pytest.raises(EdgecvError) as caught:
        call(small, epochs=1)
    message = str(caught.value)
    assert "Lower quantize.qat.train.batch (--set quantize.qat.train.batch=2)" in message
    assert "or load.input_size" in message


def test_only_a_checkpoint_of_square_input_is_learnt(detector: Detector, tmp_path: Path) -> None:
    settings = QatSettings()
    check_trainable(make_bundle(tmp_path / "square", detector), settings)
    onnx = make_bundle(tmp_path / "onnx", detector)
    onnx.path("weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"ONNX file cannot be learnt.*method=ptq"):
        check_trainable(onnx, settings)
    wide = make_bundle(tmp_path / "wide", detector, (SIDE, 2 * SIDE))
    with pytest.raises(UsageError, match=r"input is 64x128.*load\.input_size=416"):
        check_trainable(wide, settings)
    asked = QatSettings.model_validate({"train": {"input_size": 96}})
    with pytest.raises(UsageError, match=r"leave out quantize\.qat\.train\.input_size"):
        check_trainable(make_bundle(tmp_path / "asked", detector), asked)
