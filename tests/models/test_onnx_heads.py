from __future__ import annotations

import numpy as np
import pytest

from edgecv.errors import ModelError
from edgecv.models.onnx_heads import HEADS, cells, decode, grid, prepare, recognise


@pytest.mark.parametrize(
    ("height", "width", "count"), [(416, 416, 3549), (640, 640, 8400), (32, 64, 42)]
)
def test_cells_of_known_sizes(height: int, width: int, count: int) -> None:
    assert cells(height, width) == count


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((1, 3549, 85), 416, ("yolox", 80)),
        ((1, 8400, 6), 640, ("yolox", 1)),
        ((1, 84, 8400), 640, ("yolov8", 80)),
        ((1, 5, 3549), 416, ("yolov8", 1)),
        ((1, 25200, 85), 640, ("yolov5", 80)),
        ((1, 10647, 7), 416, ("yolov5", 2)),
    ],
)
def test_layouts_of_known_exporters_are_recognised(
    shape: tuple[int, ...], size: int, expected: tuple[str, int]
) -> None:
    assert recognise(shape, size, size, "auto") == expected
    assert recognise(shape, size, size, expected[0]) == expected


@pytest.mark.parametrize(
    "shape",
    [
        (1, 300, 6),
        (1, 8400, 5),
        (1, 4, 8400),
        (1, 8400),
        (8400, 85),
        (1, 85, 80, 80),
        (),
        (1, 0, 0),
    ],
)
def test_an_unknown_layout_is_refused_with_its_shape_and_those_known(
    shape: tuple[int, ...],
) -> None:
    with pytest.raises(ModelError) as caught:
        recognise(shape, 640, 640, "auto")
    assert f"output {shape} of an input of 640x640" in str(caught.value)
    for name, head in HEADS.items():
        assert f"{name} {head.layout}" in str(caught.value)


def test_a_named_layout_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match=r"cannot be decoded as yolox; .* N = 8400"):
        recognise((1, 25200, 85), 640, 640, "yolox")


def test_a_named_decoded_layout_may_have_any_number_of_boxes() -> None:
    assert recognise((1, 84, 33600), 640, 640, "yolov8") == ("yolov8", 80)


@pytest.mark.parametrize("name", HEADS)
def test_pictures_are_prepared_as_the_layout_was_trained(name: str) -> None:
    picture = np.array([[[[10, 20, 30], [40, 50, 60]]]], np.uint8)
    planes = prepare(picture, name)
    assert planes.shape == (1, 3, 1, 2)
    assert planes.dtype == np.float32
    expected = [10, 20, 30] if name == "yolox" else [30 / 255, 20 / 255, 10 / 255]
    np.testing.assert_allclose(planes[0, :, 0, 0], expected, rtol=1e-6)


def test_grid_counts_cells_row_by_row_from_the_finest() -> None:
    points, strides = grid(64, 32)
    # 8 rows of 4, 4 rows of 2, 2 rows of 1
    assert points[0, :6].tolist() == [[0, 0], [1, 0], [2, 0], [3, 0], [0, 1], [1, 1]]
    assert points[0, -2:].tolist() == [[0, 0], [0, 1]]
    assert strides.ravel().tolist() == [8] * 32 + [16] * 8 + [32] * 2


def test_yolox_is_decoded_from_its_cell() -> None:
    output = np.zeros((1, 42, 7), np.float32)
    output[0, 9] = [0.5, 0.25, np.log(2), np.log(3), 0.5, 0.8, 0.1]
    boxes, scores = decode(output, "yolox", 64, 32)
    # cell 9: column 1 of row 2 at stride 8; centre (12, 18), size (16, 24)
    np.testing.assert_allclose(boxes[0, 9], [4, 6, 20, 30], rtol=1e-6)
    np.testing.assert_allclose(scores[0, 9], [0.4, 0.05], rtol=1e-6)
    np.testing.assert_allclose(boxes[0, 0], [-4, -4, 4, 4])


def test_decoded_layouts_only_change_corners() -> None:
    row = np.array([50, 60, 20, 10], np.float32)
    v8 = np.zeros((1, 6, 42), np.float32)
    v8[0, :, 7] = [*row, 0.3, 0.9]
    boxes, scores = decode(v8, "yolov8", 64, 32)
    np.testing.assert_allclose(boxes[0, 7], [40, 55, 60, 65])
    np.testing.assert_allclose(scores[0, 7], [0.3, 0.9])
    v5 = np.zeros((2, 126, 7), np.float32)
    v5[1, 3] = [*row, 0.5, 0.3, 0.9]
    boxes, scores = decode(v5, "yolov5", 64, 32)
    np.testing.assert_allclose(boxes[1, 3], [40, 55, 60, 65])
    np.testing.assert_allclose(scores[1, 3], [0.15, 0.45])
