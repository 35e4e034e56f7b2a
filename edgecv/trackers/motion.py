"""Motion models: what a filter measures of a box, and how far it trusts it.

A model names four measured values of a box. Each is filtered on its own with its velocity, so
a model is the change of coordinates plus variances that depend on the box's size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A person's height changes little from frame to frame: position is known to 1/20 of it and
# velocity to 1/160 a frame (Wojke et al. 2017, DeepSORT, whose filter ByteTrack takes over)
POSITION_STD, VELOCITY_STD = 1 / 20, 1 / 160


@dataclass(frozen=True)
class MotionModel:
    """Four measured values of a box with their variances; every array is (N, 4) float64.

    Attributes:
        measure: boxes xyxy to measured values.
        boxes: measured values to boxes xyxy.
        initial: measured values to the variances of position and velocity of a new track.
        process: filtered values to the variances that one frame adds.
        noise: filtered values to the variance of a measurement.
        camera: a camera's scale s and (2, 2) linear part to the (4, 4) map of the values.
        frozen_when_lost: the velocities that a track without a box does not keep.
    """

    measure: Callable[[Floats], Floats]
    boxes: Callable[[Floats], Floats]
    initial: Callable[[Floats], tuple[Floats, Floats]]
    process: Callable[[Floats], tuple[Floats, Floats]]
    noise: Callable[[Floats], Floats]
    camera: Callable[[Floats], Floats]
    frozen_when_lost: tuple[int, ...] = ()


def _centre_and_size(boxes_xyxy: Floats) -> tuple[Floats, Floats]:
    return (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2, boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]


def _around(centre: Floats, size: Floats) -> Floats:
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def _scale_of(linear: Floats) -> float:
    return float(np.sqrt(abs(np.linalg.det(linear))))


def _camera_map(linear: Floats, third: float, fourth: float) -> Floats:
    mapped = np.diag([0.0, 0.0, third, fourth])
    mapped[:2, :2] = linear
    return mapped


def _xyah() -> MotionModel:
    """Centre, aspect (width / height) and height. Source: Wojke et al. 2017; ByteTrack's filter."""

    def measure(boxes: Floats) -> Floats:
        centre, size = _centre_and_size(boxes)
        return np.stack([*centre.T, size[:, 0] / size[:, 1], size[:, 1]], axis=1)

    def boxes(values: Floats) -> Floats:
        height = values[:, 3]
        return _around(values[:, :2], np.stack([values[:, 2] * height, height], axis=1))

    def variances(values: Floats, std: float, aspect_std: float) -> Floats:
        spread = np.repeat(values[:, 3:4] * std, 4, axis=1)
        spread[:, 2] = aspect_std  # the aspect has no unit, so it does not grow with the box
        return np.asarray(spread * spread)

    return MotionModel(
        measure=measure,
        boxes=boxes,
        # 2x and 10x: a new track has been seen once, and never moving
        initial=lambda z: (
            variances(z, 2 * POSITION_STD, 1e-2),
            variances(z, 10 * VELOCITY_STD, 1e-5),
        ),
        process=lambda x: (variances(x, POSITION_STD, 1e-2), variances(x, VELOCITY_STD, 1e-5)),
        noise=lambda x: variances(x, POSITION_STD, 1e-1),
        camera=lambda linear: _camera_map(linear, 1.0, _scale_of(linear)),
        frozen_when_lost=(3,),
    )


def _xywh() -> MotionModel:
    """Centre, width and height. Source: Aharon et al. 2022 (BoT-SORT), section 3.1."""

    def measure(boxes: Floats) -> Floats:
        return np.concatenate(_centre_and_size(boxes), axis=1)

    def variances(values: Floats, std: float) -> Floats:
        size = values[:, 2:] * std
        spread = np.concatenate([size, size], axis=1)
        return np.asarray(spread * spread)

    return MotionModel(
        measure=measure,
        boxes=lambda values: _around(values[:, :2], values[:, 2:]),
        initial=lambda z: (variances(z, 2 * POSITION_STD), variances(z, 10 * VELOCITY_STD)),
        process=lambda x: (variances(x, POSITION_STD), variances(x, VELOCITY_STD)),
        noise=lambda x: variances(x, POSITION_STD),
        camera=lambda linear: _camera_map(linear, *2 * [_scale_of(linear)]),
        frozen_when_lost=(2, 3),
    )


def _xysr() -> MotionModel:
    """Centre, area and aspect; the aspect stays as it is measured.

    Source: Bewley et al. 2016 (SORT), section 3.2, for the values; the variances are those that
    Cao et al. 2023 (OC-SORT) publish with their MIT-licensed code.
    """
    position = np.array([10.0, 10, 10, 10])
    velocity = np.array([1e4, 1e4, 1e4, 0])  # 0: the aspect has no velocity
    step = np.array([1.0, 1, 1, 1]), np.array([1e-2, 1e-2, 1e-4, 0])
    measured = np.array([1.0, 1, 10, 10])  # 10x: area and aspect are read less reliably

    def measure(boxes: Floats) -> Floats:
        centre, size = _centre_and_size(boxes)
        area, aspect = size[:, 0] * size[:, 1], size[:, 0] / size[:, 1]
        return np.stack([*centre.T, area, aspect], axis=1)

    def boxes(values: Floats) -> Floats:
        area, aspect = np.maximum(values[:, 2], 1e-6), np.maximum(values[:, 3], 1e-6)
        width = np.sqrt(area * aspect)
        return _around(values[:, :2], np.stack([width, area / width], axis=1))

    def constant(row: Floats, like: Floats) -> Floats:
        return np.broadcast_to(row, like.shape)

    return MotionModel(
        measure=measure,
        boxes=boxes,
        initial=lambda z: (constant(position, z), constant(velocity, z)),
        process=lambda x: (constant(step[0], x), constant(step[1], x)),
        noise=lambda x: constant(measured, x),
        camera=lambda linear: _camera_map(linear, _scale_of(linear) ** 2, 1.0),
    )


XYAH, XYWH, XYSR = _xyah(), _xywh(), _xysr()
