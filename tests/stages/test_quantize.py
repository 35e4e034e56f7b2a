from __future__ import annotations

from pathlib import Path

import pytest
from small_bundles import small_bundle
from small_runs import write_data

from edgecv.errors import DataError, ModelError, UsageError
from edgecv.recipe import QuantizeSettings
from edgecv.stages import Context
from edgecv.stages.quantize import run


def test_a_network_without_anything_to_quantise_is_refused(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")  # its one conv is a prediction
    write_data(tmp_path / "photos")
    context = Context(calibration=tmp_path / "photos")
    with pytest.raises(ModelError, match=r"of 1 convs 1 are predictions.*--set quantize=null"):
        run(bundle, QuantizeSettings(), context)
    assert not bundle.path("onnx").is_dir() or not any(bundle.path("onnx").iterdir())


def test_a_conv_to_keep_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    write_data(tmp_path / "photos")
    with pytest.raises(UsageError, match=r"no conv named stem; the graph has conv\b"):
        run(
            bundle, QuantizeSettings(keep_float=("stem",)), Context(calibration=tmp_path / "photos")
        )


def test_nothing_or_too_few_to_calibrate_on_is_refused(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    with pytest.raises(UsageError, match="nothing to calibrate on"):
        run(bundle, QuantizeSettings(), Context())
    write_data(tmp_path / "photos", pictures=7)
    with pytest.raises(DataError, match="7 usable pictures, at least 8 are needed"):
        run(bundle, QuantizeSettings(), Context(calibration=tmp_path / "photos"))
