"""A state dict into a network: every weight in its place, and none left over."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from edgecv.errors import WeightsError

SHOWN = 3


def load_all(
    model: nn.Module, state: Mapping[str, Tensor], origin: str, what: str, hint: str
) -> None:
    """Give a network on the meta device these weights, all of them and no others.

    Args:
        model: changed in place; its dtypes are kept.
        state: weights by name.
        origin: where they came from, for messages.
        what: the network, for messages.
        hint: what to do next, for messages.

    Raises:
        WeightsError: keys miss, are unknown or differ in shape; values that are not finite.
    """
    expected = model.state_dict()
    missing = [key for key in expected if key not in state]
    unknown = [key for key in state if key not in expected]
    differing = [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(expected[key].shape)}"
        for key in expected
        if key in state and state[key].shape != expected[key].shape
    ]
    problems = [
        *_list("missing", missing, len(expected)),
        *_list("unknown", unknown, len(state)),
        *_list("of another shape", differing, len(expected)),
    ]
    if problems:
        raise WeightsError(f"{origin}: not the weights of {what}: {'; '.join(problems)}. {hint}")
    _refuse_not_finite(state, origin)
    whole = {key: value.to(expected[key].dtype) for key, value in state.items()}
    model.load_state_dict(whole, assign=True)


def _refuse_not_finite(state: Mapping[str, Tensor], origin: str) -> None:
    broken = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise WeightsError(
            f"{origin}: {len(broken)} tensors hold values that are not finite, "
            f"e.g. '{broken[0]}': training diverged or the file is damaged"
        )


def _list(what: str, names: Collection[str], total: int) -> list[str]:
    if not names:
        return []
    more = ", ..." if len(names) > SHOWN else ""
    return [f"{len(names)} of {total} keys {what} ({', '.join([*names][:SHOWN])}{more})"]
