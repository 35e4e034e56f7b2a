"""Convs behind a space-to-depth, with which YOLOX and YOLOv5 begin, as the strided convs they are.

Four slices of every second pixel, side by side as channels, then a 3x3 conv: the same numbers as a
6x6 conv of stride 2 on the pixels themselves. OpenVINO's slices, their concatenation and the
reorder behind it took a sixth of a YOLOX-Nano's call in INT8, and a twelfth in float.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

# what may stand between corners, or weights, and their conv: Q/DQ of one scale, or one an output
PASSED = frozenset({"Convert", "FakeQuantize", "Multiply", "Subtract"})
ROWS, COLUMNS = 2, 3  # axes
PAIR = 128


class _Corners(NamedTuple):
    """What a conv reads: every second pixel of every second row, four times side by side.

    Attributes:
        pixels: the output that is sliced.
        reader: the input that reads the corners.
        places: row and column in 2x2 pixels of each, in the order of the channels.
    """

    pixels: Any
    reader: Any
    places: list[tuple[int, int]]


def merge_corners(ov: Any, model: Any) -> None:
    """Make a strided conv of each that reads the corners of 2x2 pixels as channels.

    Args:
        ov: the package.
        model: ov.Model; changed.
    """
    for conv in model.get_ordered_ops():
        if conv.get_type_name() != "Convolution" or not _plain(conv):
            continue
        corners, weights = _corners(conv.input(0)), _origin(conv.input(1))
        if corners is None or weights.get_source_output().get_node().get_type_name() != "Constant":
            continue
        values = weights.get_source_output().get_node().data
        if _bounded(values):
            continue
        constant = ov.op.Constant(_on_pixels(values, corners.places))
        weights.replace_source_output(constant.output(0))
        corners.reader.replace_source_output(corners.pixels)
        for name in ("strides", "pads_begin", "pads_end"):
            conv.set_attribute(name, [2 * value for value in conv.get_attributes()[name]])
    model.validate_nodes_and_infer_types()


def _bounded(weight: np.ndarray) -> bool:
    """Whether integers are such that neighbouring channels never overflow 16 bits (decision 0005).

    On pixels they would have other neighbours.
    """
    sums = weight[:, 0::2].astype(np.int32) + weight[:, 1::2]
    return weight.dtype == np.int8 and int(np.abs(sums).max()) <= PAIR


def _plain(conv: Any) -> bool:
    how = conv.get_attributes()
    return bool(how["dilations"] == [1, 1] and how["auto_pad"] == "explicit")


def _on_pixels(weight: np.ndarray, places: list[tuple[int, int]]) -> np.ndarray:
    """(O, 4 C, k, k) on corners side by side to (O, C, 2 k, 2 k) on pixels."""
    made, channels, height, width = weight.shape
    found = np.empty((made, channels // 4, 2 * height, 2 * width), weight.dtype)
    for (row, column), part in zip(places, np.split(weight, 4, axis=1), strict=True):
        found[:, :, row::2, column::2] = part
    return found


def _origin(reader: Any) -> Any:
    """The input that reads where the values come from, behind what changes them one by one."""
    node = reader.get_source_output().get_node()
    if node.get_type_name() not in PASSED or not _read_once(node):
        return reader
    scales = [_shape(output) for output in node.input_values()[1:]]
    alike = all(side == 1 for shape in scales for side in shape[1:])
    return _origin(node.input(0)) if alike else reader


def _read_once(node: Any) -> bool:
    return len(node.output(0).get_target_inputs()) == 1


def _corners(reader: Any) -> _Corners | None:
    reader = _origin(reader)
    joined = reader.get_source_output().get_node()
    if joined.get_type_name() != "Concat" or joined.get_attributes()["axis"] != 1:
        return None
    slices = [_sliced(output) for output in joined.input_values()]
    places = [place for _, place in slices if place is not None]
    sources = {(one.get_node().get_friendly_name(), one.get_index()) for one, _ in slices}
    if sorted(places) != [(0, 0), (0, 1), (1, 0), (1, 1)] or len(slices) != 4 or len(sources) != 1:
        return None
    pixels = slices[0][0]
    even = all(side > 0 and side % 2 == 0 for side in _shape(pixels)[ROWS:])
    return _Corners(pixels, reader, places) if even and _read_once(joined) else None


def _shape(output: Any) -> list[int]:
    """Its sides; -1 where one is open, [-1] where even their number is."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic:
        return [-1]
    return [side.get_length() if side.is_static else -1 for side in shape]


def _sliced(output: Any) -> tuple[Any, tuple[int, int] | None]:
    """What is sliced, and where every second row and column begin; None: they are not all taken."""
    starts: dict[int, int] = {}
    whole = True
    while output.get_node().get_type_name() == "Slice":
        pixels, *bounds = output.get_node().input_values()
        kinds = [bound.get_node().get_type_name() for bound in bounds]
        shape = _shape(pixels)
        if kinds != 4 * ["Constant"] or len(shape) != 4:
            return output, None
        values = [bound.get_node().data.reshape(-1).tolist() for bound in bounds]
        for start, stop, step, axis in zip(*values, strict=True):
            whole &= step == 2 and start in (0, 1) and axis % 4 not in starts
            whole &= stop >= shape[axis] > 0
            starts[axis % 4] = start
        output = pixels
    found = whole and starts.keys() == {ROWS, COLUMNS}
    return output, (starts[ROWS], starts[COLUMNS]) if found else None
