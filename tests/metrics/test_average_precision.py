from __future__ import annotations

import numpy as np
import pytest

from edgecv.metrics.average_precision import average_precision
from edgecv.metrics.matching import ClassMatches


def matches(
    hits: str, images: list[int], objects: list[int], ignored: str | None = None
) -> ClassMatches:
    """At one threshold: 'x' a hit, '.' a miss, best score first; 'i' in `ignored` for a crowd."""
    hit = np.array([[mark == "x" for mark in hits]], np.bool_).reshape(1, -1)
    skip = np.array([[mark == "i" for mark in ignored or "." * len(hits)]], np.bool_)
    return ClassMatches(
        "cat", np.array(images, np.int64), hit, skip.reshape(1, -1), np.array(objects)
    )


def test_precision_is_averaged_over_a_hundred_and_one_recalls() -> None:
    """x.x of 4: precision 1 up to recall .25 (26 points), 2/3 up to .50 (25 points), then 0."""
    found = average_precision(matches("x.x", [0, 0, 0], [4]), np.ones((1, 1)))

    assert found[0, 0] == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)


def test_precision_is_the_best_at_any_higher_recall() -> None:
    """.xx of 2: precision 1/2 at the first hit, but 2/3 at the second."""
    found = average_precision(matches(".xx", [0, 0, 0], [2]), np.ones((1, 1)))

    assert found[0, 0] == pytest.approx(2 / 3)


def test_an_ignored_detection_is_not_counted() -> None:
    found = average_precision(matches(".xx", [0, 0, 0], [2], ignored="i.."), np.ones((1, 1)))

    assert found[0, 0] == pytest.approx(1)


def test_weights_count_pictures_and_zero_leaves_one_out() -> None:
    one = matches(".x", [0, 1], [1, 1])

    found = average_precision(one, np.array([[1, 1], [0, 1], [1, 0], [0, 3], [2, 2]], float))

    # 1/2 up to recall .5 (51 points); alone, the second picture is perfect and the first a miss
    half = 51 / 101 / 2
    np.testing.assert_allclose(found[:, 0], [half, 1, 0, 1, half])


def test_a_resample_without_objects_has_no_value() -> None:
    found = average_precision(matches("x", [0], [1, 0]), np.array([[0.0, 2.0], [1.0, 0.0]]))

    assert np.isnan(found[0, 0])
    assert found[1, 0] == 1


def test_no_detections_are_worth_nothing() -> None:
    found = average_precision(matches("", [], [2, 1]), np.ones((3, 2)))

    assert found.tolist() == [[0], [0], [0]]


def test_no_resamples_give_no_values() -> None:
    assert average_precision(matches("x", [0], [1]), np.zeros((0, 1))).shape == (0, 1)


def test_many_resamples_in_pieces_equal_each_alone() -> None:
    random = np.random.default_rng(0)
    hits = "".join(random.choice(["x", "."], 6000))
    one = matches(hits, random.integers(0, 20, 6000).tolist(), [300] * 20)
    weights = random.multinomial(20, [1 / 20] * 20, size=800).astype(float)

    together = average_precision(one, weights)

    for index in (0, 348, 349, 350, 799):  # 349: the first of the second piece
        np.testing.assert_array_equal(together[index], average_precision(one, weights[[index]])[0])


def test_weights_for_other_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="mismatch"):
        average_precision(matches("x", [0], [1]), np.ones((1, 3)))
