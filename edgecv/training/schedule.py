"""What follows from the number of a step alone: learning rate, side of the pictures, decay."""

from __future__ import annotations

import math

import numpy as np

from edgecv.recipe import TrainSettings

REFERENCE_BATCH = 64  # lr is stated for so many pictures a step
FINAL = 0.05  # of the peak rate, held through the plain epochs
STEPS_A_SIZE = 10  # a new size costs memory and a new plan of the convs
SIZE_STREAM = 2  # keeps this stream of random numbers apart from those of the pictures
RAMP_STEPS = 2000  # the EMA forgets its start over so many steps


def learning_rate(settings: TrainSettings, step: int, epoch_steps: int) -> float:
    """The rate of a step of the whole run, from 0.

    It rises with the square of the step, falls as half a cosine to 5 % of the peak, and stays
    there through the plain epochs.

    Source: Ge et al. 2021 (arXiv 2107.08430), section 2.1. Differs: scaled to `batch` of 64.
    """
    peak = settings.lr * settings.batch / REFERENCE_BATCH
    warmup = settings.warmup_epochs * epoch_steps
    fall_ends = settings.plain_from * epoch_steps
    if step < warmup:
        return float(peak * ((step + 1) / math.ceil(warmup)) ** 2)
    if step >= fall_ends:
        return peak * FINAL
    done = (step - warmup) / max(fall_ends - warmup, 1)
    return peak * (FINAL + (1 - FINAL) * 0.5 * (1 + math.cos(math.pi * done)))


def picture_side(settings: TrainSettings, input_size: int, epoch: int, step: int) -> int:
    """Side in pixels of the pictures of a step of an epoch, both from 0: multi-scale training.

    One of `input_size` and up to `augment.multiscale` steps of 32 px to either side, at least 32;
    the same for ten steps, and the same whoever asks.
    """
    reach = settings.augment.multiscale
    if not reach:
        return input_size
    draw = np.random.default_rng((settings.seed, SIZE_STREAM, epoch, step // STEPS_A_SIZE))
    return max(32, input_size + 32 * int(draw.integers(-reach, reach + 1)))


def ema_decay(settings: TrainSettings, step: int) -> float:
    """How much of the averaged weights stays after a step, from 0: near 0 at first, then `ema`."""
    return settings.ema * (1 - math.exp(-(step + 1) / RAMP_STEPS))
