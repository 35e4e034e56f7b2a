from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgecv.trackers.camera_motion import RecordedMotion, moves
from edgecv.trackers.sparse_flow import SparseFlow
from edgecv.types import Detections, Frame, Image

SIZE_WH = (640, 480)


def scenery(seed: int = 0) -> Image:
    """Blurred noise: corners everywhere, none of them like another."""
    noise = np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(noise, (0, 0), 5)
    return np.asarray(cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


def shot(image: Image, affine: list[list[float]]) -> Frame:
    warped = cv2.warpAffine(image, np.array(affine), SIZE_WH, borderMode=cv2.BORDER_REFLECT)
    return Frame(np.asarray(warped, np.uint8))


STILL = [[1.0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    "affine",
    [
        [[1.0, 0, 6], [0, 1, -4]],
        [[1.02, 0, -3], [0, 1.02, 5]],
        [[0.9998, -0.0175, 4], [0.0175, 0.9998, 2]],
    ],
    ids=["shift", "zoom", "turn"],
)
def test_the_flow_of_a_still_scene_is_the_camera(affine: list[list[float]]) -> None:
    flow, image = SparseFlow(), scenery()
    assert flow.estimate(shot(image, STILL), Detections.empty()) is None
    found = flow.estimate(shot(image, affine), Detections.empty())
    assert found is not None
    corners = np.array([[50, 50, 1], [590, 50, 1], [50, 430, 1], [590, 430, 1]])
    # a thumbnail's tenth of a pixel is 0.2 here; two of them at the corners
    np.testing.assert_allclose(corners @ found.T, corners @ np.array(affine).T, atol=0.4)


def test_a_camera_that_stands_still_has_no_motion() -> None:
    flow, image = SparseFlow(), scenery()
    noise = np.random.default_rng(1)
    for _ in range(3):
        noisy = np.clip(image + noise.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
        assert flow.estimate(Frame(noisy), Detections.empty()) is None


def test_what_moves_inside_a_detection_is_not_the_camera() -> None:
    flow, image = SparseFlow(), scenery()
    covered = Detections(
        np.array([[60, 60, 580, 420]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64)
    )
    flow.estimate(Frame(image), covered)
    later = image.copy()
    later[60:420, 60:580] = np.roll(image, 8, axis=1)[60:420, 60:580]
    assert flow.estimate(Frame(later), covered) is None


@pytest.mark.parametrize("frame", [None, Frame(np.zeros((480, 640, 3), np.uint8))])
def test_nothing_to_see_counts_as_still(frame: Frame | None) -> None:
    flow, image = SparseFlow(), scenery()
    flow.estimate(Frame(image), Detections.empty())
    assert flow.estimate(frame, Detections.empty()) is None
    assert flow.estimate(Frame(image), Detections.empty()) is None


def test_a_stream_that_changes_its_size_starts_again() -> None:
    flow, image = SparseFlow(), scenery()
    flow.estimate(Frame(image), Detections.empty())
    assert flow.estimate(Frame(image[:200].copy()), Detections.empty()) is None


def test_recorded_motion_is_given_once_a_frame_and_again_after_a_reset() -> None:
    affines = np.array([STILL, [[1.0, 0, 9], [0, 1, 0]]])
    recorded = RecordedMotion(affines, SIZE_WH)
    for _ in range(2):
        assert recorded.estimate(None, Detections.empty()) is None
        np.testing.assert_array_equal(recorded.estimate(None, Detections.empty()), affines[1])
        assert recorded.estimate(None, Detections.empty()) is None
        recorded.reset()


@pytest.mark.parametrize(("shift", "expected"), [(0.0, False), (0.19, False), (0.21, True)])
def test_a_shift_below_the_estimates_noise_is_no_motion(shift: float, expected: bool) -> None:
    # 0.1 / 320 of 640 pixels is 0.2
    assert moves(np.array([[1, 0, shift], [0, 1, 0]]), SIZE_WH) is expected
