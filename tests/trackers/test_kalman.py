from __future__ import annotations

import numpy as np
import pytest

from edgecv.trackers import kalman
from edgecv.trackers.motion import XYAH, XYSR, XYWH, Floats, MotionModel

MODELS = pytest.mark.parametrize("model", [XYAH, XYWH, XYSR], ids=["xyah", "xywh", "xysr"])
RANDOM = np.random.default_rng(0)


def boxes(count: int) -> Floats:
    corner, size = RANDOM.uniform(0, 500, (count, 2)), RANDOM.uniform(20, 200, (count, 2))
    return np.concatenate([corner, corner + size], axis=1)


class MatrixFilter:
    """The textbook's filter of one track with (8, 8) matrices, values first, velocities last."""

    def __init__(self, model: MotionModel, box: Floats) -> None:
        self.model, values = model, model.measure(box[None])[0]
        self.mean = np.concatenate([values, np.zeros(4)])
        self.covariance = np.diag((model.initial * self.unit()).ravel())

    def unit(self) -> Floats:
        return self.model.unit(self.mean[None, :4])[0]

    def predict(self) -> None:
        noise = np.diag((self.model.process * self.unit()).ravel())
        step = np.eye(8) + np.eye(8, k=4)
        self.mean = step @ self.mean
        self.covariance = step @ self.covariance @ step.T + noise

    def update(self, box: Floats) -> None:
        seen = np.eye(4, 8)
        spread = seen @ self.covariance @ seen.T + np.diag(self.model.noise * self.unit())
        gain = self.covariance @ seen.T @ np.linalg.inv(spread)
        self.mean = self.mean + gain @ (self.model.measure(box[None])[0] - seen @ self.mean)
        self.covariance = self.covariance - gain @ spread @ gain.T


def full(means: Floats, covariances: Floats) -> tuple[Floats, Floats]:
    """What the blocks stand for: (N, 8) means and (N, 8, 8) covariances."""
    whole = np.zeros((len(means), 8, 8))
    for value in range(4):
        position, shared, velocity = covariances[:, :, value].T
        whole[:, value, value], whole[:, value + 4, value + 4] = position, velocity
        whole[:, value, value + 4] = whole[:, value + 4, value] = shared
    return means.reshape(-1, 8), whole


@MODELS
def test_the_blocks_are_the_textbook_filter(model: MotionModel) -> None:
    first = boxes(5)
    matrices = [MatrixFilter(model, box) for box in first]
    state = kalman.initiate(model, first)
    for _ in range(6):
        state = kalman.predict(model, *state)
        seen = first + RANDOM.normal(0, 3, first.shape)
        state = kalman.update(model, *state, seen)
        for matrix, box in zip(matrices, seen, strict=True):
            matrix.predict()
            matrix.update(box)
    means, covariances = full(*state)
    np.testing.assert_allclose(means, [m.mean for m in matrices], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(covariances, [m.covariance for m in matrices], rtol=1e-7, atol=1e-9)


@MODELS
@pytest.mark.parametrize("count", [0, 1, 7])
def test_every_step_keeps_the_shapes(model: MotionModel, count: int) -> None:
    state = kalman.initiate(model, boxes(count))
    state = kalman.update(model, *kalman.predict(model, *state), boxes(count))
    state = kalman.follow_camera(model, *state, np.eye(2, 3))
    assert [part.shape for part in state] == [(count, 2, 4), (count, 3, 4)]


@MODELS
def test_boxes_of_another_width_are_refused(model: MotionModel) -> None:
    with pytest.raises((ValueError, IndexError)):
        kalman.initiate(model, np.zeros((3, 5)))


@MODELS
def test_measured_values_give_the_box_back(model: MotionModel) -> None:
    given = boxes(9)
    np.testing.assert_allclose(model.boxes(model.measure(given)), given, rtol=1e-12)


@MODELS
def test_a_camera_that_shifts_and_zooms_moves_boxes_as_their_corners(model: MotionModel) -> None:
    given = boxes(4)
    affine = np.array([[1.5, 0, 10], [0, 1.5, -20]])
    means, _ = kalman.follow_camera(model, *kalman.initiate(model, given), affine)
    corners = given.reshape(-1, 2, 2) * 1.5 + [10, -20]
    np.testing.assert_allclose(model.boxes(means[:, 0]), corners.reshape(-1, 4), rtol=1e-9)


def test_a_camera_that_turns_moves_centres_and_keeps_sizes() -> None:
    given = boxes(4)
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0]])
    means, _ = kalman.follow_camera(XYWH, *kalman.initiate(XYWH, given), turn)
    centres = (given[:, :2] + given[:, 2:]) / 2
    np.testing.assert_allclose(means[:, 0, :2], centres @ turn[:, :2].T)
    np.testing.assert_allclose(means[:, 0, 2:], given[:, 2:] - given[:, :2])
