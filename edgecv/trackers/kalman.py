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
    moved, later = _planes(means), _planes(covariances)
    unit = model.unit(moved[POSITION])
    moved[POSITION] += moved[VELOCITY]
    # variance p + 2c + v and covariance c + v, in two additions of the right neighbour
    later[VAR_POSITION] += later[COVARIANCE]
    later[COVARIANCE] += later[VAR_VELOCITY]
    later[VAR_POSITION] += later[COVARIANCE]
    later[VAR_POSITION] += unit * model.process[0]
    later[VAR_VELOCITY] += unit * model.process[1]
    return _planes(moved), _planes(later)


def update(
    model: MotionModel, means: Floats, covariances: Floats, boxes_xyxy: Floats
) -> tuple[Floats, Floats]:
    """Means (N, 2, 4) and covariances (N, 3, 4) after each track has seen its (4,) box."""
    seen, surer = _planes(means), _planes(covariances)
    spread = surer[VAR_POSITION] + model.unit(seen[POSITION]) * model.noise
    gains = surer[: COVARIANCE + 1] / spread
    seen += gains * (model.measure(boxes_xyxy) - seen[POSITION])
    surer[VAR_VELOCITY] -= gains[1] * surer[COVARIANCE]
    surer[: COVARIANCE + 1] *= 1 - gains[0]
    return _planes(seen), _planes(surer)


def _planes(values: Floats) -> Floats:
    """(N, K, 4) to (K, N, 4) and back, as a new array: long runs are what numpy is fast at."""
    return np.asarray(values.transpose(1, 0, 2).copy())


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
