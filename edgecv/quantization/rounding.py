"""Float weights to integers, one scale an output channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecv.types import Array

Floats = NDArray[np.float64]

DAMPING = 0.01  # of the mean second moment, as in the GPTQ paper: keeps the inverse stable
BLOCK = 128  # columns updated together, as there


def weight_scales(weight: Array, importance: Floats, bits: int) -> Array:
    """The scale of each row that loses least, between clipping its peak by 40 % and not at all.

    Args:
        weight: (G, R, K).
        importance: (G, K) mean square of the input behind each column.
        bits: 7 or 8; the integers reach +-(2 ** (bits - 1) - 1).

    Returns:
        (G, R, 1).
    """
    top = 2 ** (bits - 1) - 1
    peak = np.maximum(np.abs(weight).max(axis=2, keepdims=True), 1e-12)
    best, least = peak / top, np.full(peak.shape, np.inf)
    for part in np.linspace(0.6, 1, 17):
        scale = peak * part / top
        missed = np.clip(np.rint(weight / scale), -top, top) * scale - weight
        loss = (missed**2 * importance[:, None, :]).sum(axis=2, keepdims=True)
        best, least = np.where(loss < least, scale, best), np.minimum(loss, least)
    return np.asarray(best, np.float32)


def round_nearest(weight: Array, scale: Array, bits: int) -> NDArray[np.int8]:
    """(G, R, K) integers, each the nearest."""
    top = 2 ** (bits - 1) - 1
    return np.asarray(np.clip(np.rint(weight / scale), -top, top), np.int8)


def round_gptq(weight: Array, scale: Array, products: Array, bits: int) -> NDArray[np.int8]:
    """Round column by column; the columns still open make up for what each rounding lost.

    Args:
        weight: (G, R, K).
        scale: (G, R, 1).
        products: (G, K, K) mean of x x^T of the inputs.
        bits: 7 or 8.

    Returns:
        (G, R, K) integers.

    Source: Frantar et al. 2022, "GPTQ", algorithm 1; the largest second moment goes first.
    """
    return np.stack([_gptq(*group, bits) for group in zip(weight, scale, products, strict=True)])


def _gptq(weight: Array, scale: Array, products: Array, bits: int) -> NDArray[np.int8]:
    top = 2 ** (bits - 1) - 1
    moments = products.astype(np.float64)
    power = np.diag(moments)
    order = np.argsort(-power, kind="stable")
    moments = moments[order][:, order] + np.eye(len(order)) * max(DAMPING * power.mean(), 1e-9)
    # upper Cholesky factor of the inverse: row i holds how the later columns answer to column i
    factor = np.linalg.cholesky(np.linalg.inv(moments)).T
    open_ = weight[:, order].astype(np.float64)
    found = np.zeros(weight.shape, np.int8)
    for start in range(0, len(order), BLOCK):
        stop = min(start + BLOCK, len(order))
        lost = np.zeros((len(weight), stop - start))
        for column in range(start, stop):
            exact = open_[:, column : column + 1]
            steps = np.clip(np.rint(exact / scale), -top, top)
            found[:, order[column]] = steps[:, 0]
            miss = (exact - steps * scale) / factor[column, column]
            open_[:, column:stop] -= miss * factor[column, column:stop]
            lost[:, column - start] = miss[:, 0]
        open_[:, stop:] -= lost @ factor[start:stop, stop:]
    return found
