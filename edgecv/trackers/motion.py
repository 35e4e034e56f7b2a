"""Motion models: what a filter measures of a box, and how far it trusts it.

A model names four measured values of a box. Each is filtered on its own with its velocity, so
a model is a change of coordinates and variances: a factor times the square of a unit, which is
a size of the box or a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Position is known to 1/20 of a box's size, velocity to 1/160 of it a frame (Wojke et al. 2017,
# DeepSORT, whose filter ByteTrack and BoT-SORT take over)
POSITION_STD, VELOCITY_STD = 1 / 20, 1 / 160
# as wide as that filter starts: a new track has been seen once, and never moving
FIRST_POSITION, FIRST_VELOCITY = 2, 10


@dataclass(frozen=True)
class MotionModel:
    """Four measured values of a box, and how they vary.

    Attributes:
        measure: (N, 4) boxes xyxy to (N, 4) measured values.
        boxes: (N, 4) measured values to (N, 4) boxes xyxy.
        unit: (N, 4) values to (N, 4) squares of the unit of each.
        initial: (2, 4) variances of position and velocity of a new track, in that unit.
        process: (2, 4) variances that one frame adds.
        noise: (4,) variances of a measurement.
        camera: a camera's (2, 2) linear part to the (4, 4) map of the values.
        frozen_when_lost: the velocities that a track without a box does not keep.
    """

    measure: Callable[[Floats], Floats]
    boxes: Callable[[Floats], Floats]
    unit: Callable[[Floats], Floats]
    initial: Floats
    process: Floats
    noise: Floats
    camera: Callable[[Floats], Floats]
    frozen_when_lost: tuple[int, ...] = ()


def _centre_and_size(boxes_xyxy: Floats) -> Floats:
    values = np.empty_like(boxes_xyxy)
    np.add(boxes_xyxy[:, :2], boxes_xyxy[:, 2:], out=values[:, :2])
    values[:, :2] *= 0.5
    np.subtract(boxes_xyxy[:, 2:], boxes_xyxy[:, :2], out=values[:, 2:])
    return values


def _around(centre: Floats, size: Floats) -> Floats:
    boxes = np.empty((len(centre), 4))
    half = size * 0.5
    np.subtract(centre, half, out=boxes[:, :2])
    np.add(centre, half, out=boxes[:, 2:])
    return boxes


def _scale_of(linear: Floats) -> float:
    return float(np.sqrt(abs(np.linalg.det(linear))))


def _camera_map(linear: Floats, third: float, fourth: float) -> Floats:
    mapped = np.diag([0.0, 0.0, third, fourth])
    mapped[:2, :2] = linear
    return mapped


def _xyah() -> MotionModel:
    """Centre, aspect (width / height) and height. Source: Wojke et al. 2017; ByteTrack's filter."""

    def measure(boxes: Floats) -> Floats:
        values = _centre_and_size(boxes)
        values[:, 2] /= values[:, 3]
        return values

    def boxes(values: Floats) -> Floats:
        size = values[:, 2:].copy()
        size[:, 0] *= size[:, 1]
        return _around(values[:, :2], size)

    def unit(values: Floats) -> Floats:
        units = values[:, [3, 3, 3, 3]]
        units[:, 2] = 1  # the aspect has no unit, so it does not grow with the box
        return units * units

    def variances(std: float, aspect_std: float) -> list[float]:
        return [std**2, std**2, aspect_std**2, std**2]

    return MotionModel(
        measure=measure,
        boxes=boxes,
        unit=unit,
        initial=np.array(
            [
                variances(FIRST_POSITION * POSITION_STD, 1e-2),
                variances(FIRST_VELOCITY * VELOCITY_STD, 1e-5),
            ]
        ),
        process=np.array([variances(POSITION_STD, 1e-2), variances(VELOCITY_STD, 1e-5)]),
        noise=np.array(variances(POSITION_STD, 1e-1)),
        camera=lambda linear: _camera_map(linear, 1.0, _scale_of(linear)),
        frozen_when_lost=(3,),
    )


def _xywh() -> MotionModel:
    """Centre, width and height. Source: Aharon et al. 2022 (BoT-SORT), section 3.1."""
    std = np.array([POSITION_STD, VELOCITY_STD])
    first = std * [FIRST_POSITION, FIRST_VELOCITY]

    def unit(values: Floats) -> Floats:
        units = values[:, [2, 3, 2, 3]]
        return units * units

    return MotionModel(
        measure=_centre_and_size,
        boxes=lambda values: _around(values[:, :2], values[:, 2:]),
        unit=unit,
        initial=np.repeat(first[:, None] ** 2, 4, axis=1),
        process=np.repeat(std[:, None] ** 2, 4, axis=1),
        noise=np.full(4, POSITION_STD**2),
        camera=lambda linear: _camera_map(linear, *2 * [_scale_of(linear)]),
        frozen_when_lost=(2, 3),
    )


def _xysr() -> MotionModel:
    """Centre, area and aspect (width / height), whose unit is a pixel or nothing.

    Source: Bewley et al. 2016 (SORT), section 3.2, for the values; the variances are those that
    Cao et al. 2023 (OC-SORT) publish with their MIT-licensed code.
    """

    def measure(boxes: Floats) -> Floats:
        values = _centre_and_size(boxes)
        width, height = values[:, 2].copy(), values[:, 3].copy()
        values[:, 2], values[:, 3] = width * height, width / height
        return values

    def boxes(values: Floats) -> Floats:
        # a filtered area or aspect may fall below 0, a box may not
        area, aspect = np.maximum(values[:, 2:], 1e-6).T
        width = np.sqrt(area * aspect)
        return _around(values[:, :2], np.stack([width, area / width], axis=1))

    return MotionModel(
        measure=measure,
        boxes=boxes,
        unit=np.ones_like,
        # the aspect has no velocity
        initial=np.array([[10, 10, 10, 10], [1e4, 1e4, 1e4, 0]], float),
        process=np.array([[1, 1, 1, 1], [1e-2, 1e-2, 1e-4, 0]], float),
        noise=np.array([1, 1, 10, 10], float),  # 10x: area and aspect are read less reliably
        camera=lambda linear: _camera_map(linear, _scale_of(linear) ** 2, 1.0),
    )


XYAH, XYWH, XYSR = _xyah(), _xywh(), _xysr()
