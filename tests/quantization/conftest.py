from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from small_qat import Small

    from edgecv.models.detector import Detector


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """A small detector that knows four pictures by heart; trained once for all tests."""
    from small_qat import trained

    return trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def small(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """That detector and its calibrated files."""
    from small_qat import calibrated

    return calibrated(detector, tmp_path_factory.mktemp("calibrated"))
