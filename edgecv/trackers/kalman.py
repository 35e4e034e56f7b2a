"""A constant-velocity Kalman filter for all tracks at once.

Each measured value moves by its own velocity and is measured on its own, so the (8, 8)
covariance of a track never leaves the form of four independent (2, 2) blocks. Three numbers a
block are kept: variance of the position, covariance, variance of the velocity. This is the same
filter in closed form: no matrix is multiplied or inverted.
"""

from __future__ import annotations

import numpy as np

from edgecv.trackers.motion import Floats, MotionModel

POSITION, VELOCITY = 0, 1
VAR_POSITION, COVARIANCE, VAR_VELOCITY = 0, 1, 2


def initiate(model: MotionModel, boxes_xyxy: Floats) -> tuple[Floats, Floats]:
    """Means (N, 2, 4) and covariances (N, 3, 4) of tracks that start at (N, 4) boxes."""
    values = model.measure(boxes_xyxy)
    means, covariances = np.zeros((len(values), 2, 4)), np.zeros((len(values), 3, 4))
    means[:, POSITION] = values
    covariances[:, VAR_POSITION::2] = model.unit(values)[:, None] * model.initial
    return means, covariances


def predict(model: MotionModel, means: Floats, covariances: Floats) -> tuple[Floats, Floats]:
    """Means (N, 2, 4) and covariances (N, 3, 4) one frame later."""
    moved, later = means.copy(), covariances.copy()
    moved[:, POSITION] += means[:, VELOCITY]
    # [p + 2c + v, c + v, v]: add each entry's right neighbour, then the covariance once more
    later[:, VAR_POSITION] += covariances[:, COVARIANCE]
    later[:, COVARIANCE] += covariances[:, VAR_VELOCITY]
    later[:, VAR_POSITION] += later[:, COVARIANCE]
    later[:, VAR_POSITION::2] += model.unit(means[:, POSITION])[:, None] * model.process
    return moved, later


def update(
    model: MotionModel, means: Floats, covariances: Floats, boxes_xyxy: Floats
) -> tuple[Floats, Floats]:
    """Means (N, 2, 4) and covariances (N, 3, 4) after each track has seen its (4,) box."""
    position = means[:, POSITION]
    spread = covariances[:, VAR_POSITION] + model.unit(position) * model.noise
    gains = covariances[:, : COVARIANCE + 1] / spread[:, None]
    innovation = model.measure(boxes_xyxy) - position
    surer = covariances.copy()
    surer[:, : COVARIANCE + 1] *= 1 - gains[:, :1]
    surer[:, VAR_VELOCITY] -= gains[:, 1] * covariances[:, COVARIANCE]
    return means + gains * innovation[:, None], surer


def follow_camera(
    model: MotionModel, means: Floats, covariances: Floats, affine: Floats
) -> tuple[Floats, Floats]:
    """Means and covariances in the picture after the camera moved by a (2, 3) affine map.

    Source: Aharon et al. 2022 (BoT-SORT), section 3.2. Differs: a box stays upright, so its size
    is scaled and not turned with the axes; what a turn would correlate between x and y is
    dropped (a camera turns by hundredths of a radian a frame).
    """
    mapped = model.camera(affine[:, :2])
    moved = means @ mapped.T
    moved[:, POSITION, :2] += affine[:, 2]
    return moved, covariances @ (mapped * mapped).T
