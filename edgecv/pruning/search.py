"""Which channels to cut: always those that lose the least importance for what they gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgecv.errors import UsageError
from edgecv.pruning.costs import Costs, channels_of, total
from edgecv.pruning.groups import Group
from edgecv.pruning.importance import Floats

# multiples that are looked at together: engines often gain at every second only
AHEAD = 4


class Limits(NamedTuple):
    """How far a group may be cut.

    Attributes:
        round_to: it keeps a multiple of so many channels.
        least: and at least so many, by its name.
    """

    round_to: int
    least: Mapping[str, int]


def limits(groups: Sequence[Group], round_to: int, floor: float) -> Limits:
    """The limits of a network that has not been cut yet: a share of each group, rounded up."""
    least = {
        group.name: min(group.width, math.ceil(floor * group.width / round_to) * round_to)
        for group in groups
    }
    return Limits(round_to, least)


def check_reachable(groups: Sequence[Group], costs: Costs, share: float, allowed: Limits) -> None:
    """Say at once that a share of the costs cannot be reached.

    Raises:
        UsageError: with all groups at their least, the network still costs more.
    """
    before = total(costs, channels_of(costs.convs, groups, {}))
    least = total(costs, channels_of(costs.convs, groups, allowed.least))
    if least > share * before:
        raise UsageError(_out_of_reach(groups, allowed.least, costs.unit, share, least / before))


class Choice(NamedTuple):
    """A cut.

    Attributes:
        gone: by group the channels to cut, in ascending order; groups that stay are left out.
        before, after: what the network costs.
    """

    gone: dict[str, list[int]]
    before: float
    after: float


def choose(
    groups: Sequence[Group],
    worth: Mapping[str, Floats],
    costs: Costs,
    target: float,
    allowed: Limits,
) -> Choice:
    """Cut until the network costs no more than `target`.

    Losing channels costs a group -ln of the share of its importance that stays, times its
    importance: for few of them what they are worth, for all of them no end.

    Args:
        groups: what can be cut.
        worth: importance of each channel, by group.
        costs: of the network.
        target: in their unit.
        allowed: how far each group may go.

    Raises:
        UsageError: with all groups at their least, the network still costs more.
    """
    search = _Search(groups, worth, costs, allowed)
    before = now = total(costs, channels_of(costs.convs, groups, {}))
    while now > target:
        best = search.best()
        if best is None:
            raise UsageError(
                _out_of_reach(groups, search.kept, costs.unit, target / before, now / before)
            )
        now -= best.gain
        search.take(best)
    gone = {
        group.name: sorted(np.argsort(worth[group.name], kind="stable")[:count].tolist())
        for group in groups
        if (count := group.width - search.kept[group.name])
    }
    return Choice(gone, before, total(costs, channels_of(costs.convs, groups, search.kept)))


class _Option(NamedTuple):
    group: str
    width: int
    gain: float
    price: float  # importance lost for each unit gained


class _Search:
    """Widths on their way down, and for each group the best next cut."""

    def __init__(
        self,
        groups: Sequence[Group],
        worth: Mapping[str, Floats],
        costs: Costs,
        allowed: Limits,
    ) -> None:
        self.groups = {group.name: group for group in groups}
        self.kept = {group.name: group.width for group in groups}
        self.costs, self._allowed = costs, allowed
        self._staying = {
            name: np.append(np.cumsum(np.sort(values)[::-1])[::-1], 0.0)
            for name, values in worth.items()
        }
        touching: dict[str, set[str]] = {}
        for group in groups:
            for conv in (*group.inputs, *group.outputs):
                touching.setdefault(conv, set()).add(group.name)
        self._beside = {
            group.name: set().union(*(touching[c] for c in (*group.inputs, *group.outputs)))
            for group in groups
        }
        self._channels = {
            name: list(pair) for name, pair in channels_of(costs.convs, groups, {}).items()
        }
        self._options = {name: self._option(name) for name in self.groups}

    def best(self) -> _Option | None:
        """The cheapest cut that gains anything, or None."""
        there = [option for option in self._options.values() if option is not None]
        return min(there, key=lambda option: option.price, default=None)

    def take(self, option: _Option) -> None:
        """Cut, and look again at the groups that share a conv with this one."""
        self._channels |= self._after(option.group, option.width)
        self.kept[option.group] = option.width
        for name in self._beside[option.group]:
            self._options[name] = self._option(name)

    def _option(self, name: str) -> _Option | None:
        width, step = self.kept[name], self._allowed.round_to
        first = (math.ceil(width / step) - 1) * step
        options = [
            self._priced(name, fewer)
            for fewer in range(first, first - AHEAD * step, -step)
            if fewer >= self._allowed.least[name]
        ]
        gaining = [option for option in options if option.gain > 0]
        return min(gaining, key=lambda option: option.price, default=None)

    def _priced(self, name: str, width: int) -> _Option:
        after = self._after(name, width)
        gain = sum(
            self.costs.conv(conv, *self._channels[conv]) - self.costs.conv(conv, *pair)
            for conv, pair in after.items()
        )
        lost = self._loss(name, width) - self._loss(name, self.kept[name])
        return _Option(name, width, gain, lost / gain if gain > 0 else math.inf)

    def _loss(self, name: str, width: int) -> float:
        staying = self._staying[name]
        everything, left = staying[0], staying[self.groups[name].width - width]
        if not everything:
            return 0.0
        return float(-everything * math.log(max(left, 1e-12 * everything) / everything))

    def _after(self, name: str, width: int) -> dict[str, list[int]]:
        """The convs that change when a group is cut to a width, with their channels then."""
        group, gone = self.groups[name], self.kept[name] - width
        found = {conv: [*self._channels[conv]] for conv in (*group.inputs, *group.outputs)}
        for conv, times in group.inputs.items():
            found[conv][0] -= gone * times
        for conv, times in group.outputs.items():
            found[conv][1] -= gone * times
            if self.costs.convs[conv].depthwise:
                found[conv][0] = found[conv][1]
        return found


def _out_of_reach(
    groups: Sequence[Group], kept: Mapping[str, int], unit: str, wanted: float, reached: float
) -> str:
    widest = max(groups, key=lambda one: kept[one.name])
    return (
        f"keeping {wanted:.3g} of this network's {unit} would empty layers: with each at its least "
        f"(prune.floor, prune.round_to; {widest.name} at {kept[widest.name]} of {widest.width} "
        f"channels) {reached:.3g} is left. Ask for more than that, or lower prune.floor"
    )
