"""Float weights to integers, one scale an output channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecv.types import Array, Ints

Floats = NDArray[np.float64]

DAMPING = 0.01  # of the mean second moment, as in the GPTQ paper: keeps the inverse stable
BLOCK = 128  # columns updated together, as there
PAIR_SUM = 128  # 255 * 128 = 32640 is the last multiple of 255 that 16 bits hold


@dataclass(frozen=True, eq=False)
class Limits:
    """The integers that a conv's weights may take.

    x86 without VNNI multiplies uint8 by int8 and adds two products in 16 bits (`vpmaddubsw`), which
    saturates. Not where each weight is within +-64, as the usual remedy has it: it is enough that
    the two of a pair sum to at most 128, and few pairs of large weights stand side by side.

    Attributes:
        top: largest magnitude, 63 or 127.
        partners: (K,) for each column the one whose products share 16 bits with it, or None.
    """

    top: int
    partners: Ints | None = None

    def clip(self, steps: Floats, column: int, fixed: NDArray[np.int8]) -> Floats:
        """(R, 1) integers of a column, within what the partner in (R, K) `fixed` leaves."""
        if self.partners is None:
            return np.clip(steps, -self.top, self.top)
        beside = fixed[:, self.partners[column], None].astype(np.int64)
        least = np.maximum(-self.top, -PAIR_SUM - beside)
        return np.clip(steps, least, np.minimum(self.top, PAIR_SUM - beside))


def channel_pairs(channels: int, taps: int) -> Ints:
    """(channels * taps,) partners: at each tap channels 2i and 2i + 1 share 16 bits.

    So do the kernels of oneDNN (OpenVINO) and MLAS (ONNX Runtime) for AVX2, which pack channels of
    one tap side by side; `channels` must be even.
    """
    columns = np.arange(channels * taps).reshape(channels, taps)
    return columns.reshape(-1, 2, taps)[:, ::-1].reshape(-1).astype(np.int64)


def weight_scales(weight: Array, importance: Floats, limits: Limits) -> Array:
    """The scale of each row that loses least, between clipping its peak by 40 % and not at all.

    Args:
        weight: (G, R, K).
        importance: (G, K) mean square of the input behind each column.
        limits: of the integers.

    Returns:
        (G, R, 1).
    """
    unclipped = np.abs(weight).max(axis=2, keepdims=True) / limits.top
    if limits.partners is not None:
        sums = np.abs(weight + weight[:, :, limits.partners]).max(axis=2, keepdims=True)
        unclipped = np.maximum(unclipped, sums / PAIR_SUM)
    unclipped = np.maximum(unclipped, 1e-12 / limits.top)
    best, least = unclipped, np.full(unclipped.shape, np.inf)
    for part in np.linspace(0.6, 1, 17):
        scale = unclipped * part
        missed = round_nearest(weight, scale, limits) * scale - weight
        loss = (missed**2 * importance[:, None, :]).sum(axis=2, keepdims=True)
        best, least = np.where(loss < least, scale, best), np.minimum(loss, least)
    return np.asarray(best, np.float32)


def round_nearest(weight: Array, scale: Array, limits: Limits) -> NDArray[np.int8]:
    """(G, R, K) integers, each the nearest; a pair whose sum is too large gives way by halves."""
    steps = np.clip(weight / scale, -limits.top, limits.top)
    if limits.partners is not None:
        sums = steps + steps[:, :, limits.partners]
        excess = np.sign(sums) * np.maximum(np.abs(sums) - PAIR_SUM, 0)
        # of two halves, as of two roundings up, the first gives way
        first = np.arange(len(limits.partners)) < limits.partners
        steps = np.rint(steps - excess / 2)
        over = np.abs(steps + steps[:, :, limits.partners]) > PAIR_SUM
        steps = steps - np.sign(steps) * (over & first)
    return np.asarray(np.rint(steps), np.int8)


def round_gptq(weight: Array, scale: Array, products: Array, limits: Limits) -> NDArray[np.int8]:
    """Round column by column; the columns still open make up for what each rounding lost.

    Args:
        weight: (G, R, K).
        scale: (G, R, 1).
        products: (G, K, K) mean of x x^T of the inputs.
        limits: of the integers.

    Returns:
        (G, R, K) integers.

    Source: Frantar et al. 2022, "GPTQ", algorithm 1; the largest second moment goes first.
    """
    return np.stack([_gptq(*group, limits) for group in zip(weight, scale, products, strict=True)])


def _gptq(weight: Array, scale: Array, products: Array, limits: Limits) -> NDArray[np.int8]:
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
            steps = limits.clip(np.rint(exact / scale), order[column], found)
            found[:, order[column]] = steps[:, 0]
            miss = (exact - steps * scale) / factor[column, column]
            open_[:, column:stop] -= miss * factor[column, column:stop]
            lost[:, column - start] = miss[:, 0]
        open_[:, stop:] -= lost @ factor[start:stop, stop:]
    return found
