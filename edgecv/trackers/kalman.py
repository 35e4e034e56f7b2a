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
    position, velocity = model.initial(values)
    means = np.stack([values, np.zeros_like(values)], axis=1)
    return means, np.stack([position, np.zeros_like(values), velocity], axis=1)


def predict(model: MotionModel, means: Floats, covariances: Floats) -> tuple[Floats, Floats]:
    """Means (N, 2, 4) and covariances (N, 3, 4) one frame later."""
    q_position, q_velocity = model.process(means[:, POSITION])
    var_position, covariance, var_velocity = covariances.transpose(1, 0, 2)
    later = np.empty_like(covariances)
    later[:, VAR_POSITION] = var_position + 2 * covariance + var_velocity + q_position
    later[:, COVARIANCE] = covariance + var_velocity
    later[:, VAR_VELOCITY] = var_velocity + q_velocity
    moved = means.copy()
    moved[:, POSITION] += means[:, VELOCITY]
    return moved, later


def update(
    model: MotionModel, means: Floats, covariances: Floats, boxes_xyxy: Floats
) -> tuple[Floats, Floats]:
    """Means (N, 2, 4) and covariances (N, 3, 4) after each track has seen its (4,) box."""
    var_position, covariance, var_velocity = covariances.transpose(1, 0, 2)
    spread = var_position + model.noise(means[:, POSITION])
    innovation = model.measure(boxes_xyxy) - means[:, POSITION]
    gain, gain_velocity = var_position / spread, covariance / spread
    seen = np.empty_like(means)
    seen[:, POSITION] = means[:, POSITION] + gain * innovation
    seen[:, VELOCITY] = means[:, VELOCITY] + gain_velocity * innovation
    surer = np.empty_like(covariances)
    surer[:, VAR_POSITION] = (1 - gain) * var_position
    surer[:, COVARIANCE] = (1 - gain) * covariance
    surer[:, VAR_VELOCITY] = var_velocity - gain_velocity * covariance
    return seen, surer


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
