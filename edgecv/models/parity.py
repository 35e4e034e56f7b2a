"""Show that an exported graph answers as its source does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgecv.errors import ModelError
from edgecv.types import Array, Image

Infer = Callable[[Image], Sequence[Array]]

# of float32 summed in another order, on the photos measured: 1e-5 of a side, 1e-6 of a score
MAX_BOX, MAX_SCORE = 1e-2, 1e-4


def parity(source: Infer, graph: Infer, batches: Sequence[Image]) -> dict[str, float]:
    """Largest differences over the pictures.

    Args:
        source, graph: each from (B, H, W, 3) uint8 to boxes (B, N, 4) and scores (B, N, C).
        batches: pictures, letterboxed.

    Returns:
        boxes_px: of a coordinate, in input pixels.
        boxes_relative: of a coordinate, per side of the box (sides under a pixel count as one).
        scores: of a score.

    Raises:
        ModelError: shapes differ, or values are not finite.
    """
    pixels, relative, scores = [0.0], [0.0], [0.0]
    for batch in batches:
        expected, found = source(batch), graph(batch)
        _check(expected, found)
        sides = expected[0][..., 2:] - expected[0][..., :2]
        difference = np.abs(found[0] - expected[0])
        pixels.append(float(difference.max()))
        relative.append(float((difference / np.maximum(np.tile(sides, 2), 1)).max()))
        scores.append(float(np.abs(found[1] - expected[1]).max()))
    return {"boxes_px": max(pixels), "boxes_relative": max(relative), "scores": max(scores)}


def check_parity(measured: dict[str, float], origin: str) -> None:
    """Raise ModelError when the differences of `parity` are more than rounding explains."""
    if measured["boxes_relative"] > MAX_BOX or measured["scores"] > MAX_SCORE:
        raise ModelError(
            f"the exported graph departs from {origin}: boxes by {measured['boxes_relative']:.2g} "
            f"of their side (at most {MAX_BOX}), scores by {measured['scores']:.2g} (at most "
            f"{MAX_SCORE}). Try --set export.simplify=false or another export.opset, and report it"
        )


def _check(expected: Sequence[Array], found: Sequence[Array]) -> None:
    for name, wanted, got in zip(("boxes", "scores"), expected, found, strict=True):
        if wanted.shape != got.shape:
            raise ModelError(f"the exported {name} are {got.shape}, expected {wanted.shape}")
        if not (np.isfinite(wanted).all() and np.isfinite(got).all()):
            raise ModelError(
                f"{name} hold values that are not finite; the weights do not work on pictures"
            )
