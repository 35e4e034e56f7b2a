"""Charts of one line a row, to stand in a table's cell: intervals, changes, bars."""

from __future__ import annotations

from markupsafe import Markup

from edgecv.report.plot import Axis

DOT = 5  # pixels
RULE = Markup('<line class="grid" x1="0" x2="100%" y1="50%" y2="50%"/>')


def interval(axis: Axis, low: float, value: float, high: float, css: str) -> Markup:
    """A value as a dot on its interval.

    Args:
        axis: shared by the rows of a table.
        css: classes of the marks.
    """
    return Markup(
        '<svg class="row" aria-hidden="true">{rule}'
        '<line class="whisker {css}" x1="{low}" x2="{high}" y1="50%" y2="50%"/>'
        '<circle class="mark {css}" cx="{value}" cy="50%" r="{r}"/></svg>'
    ).format(
        rule=RULE,
        css=css,
        low=_x(axis, low),
        high=_x(axis, high),
        value=_x(axis, value),
        r=DOT,
    )


def change(axis: Axis, before: float, after: float) -> Markup:
    """Float's value as a ring, INT8's as a dot, a line between."""
    return Markup(
        '<svg class="row" aria-hidden="true">{rule}'
        '<line class="move" x1="{before}" x2="{after}" y1="50%" y2="50%"/>'
        '<circle class="ring fp32" cx="{before}" cy="50%" r="{r}"/>'
        '<circle class="mark int8" cx="{after}" cy="50%" r="{r}"/></svg>'
    ).format(rule=RULE, before=_x(axis, before), after=_x(axis, after), r=DOT)


def bar(share: float, css: str) -> Markup:
    """A bar as long as a share of the cell, in [0, 1].

    Raises:
        ValueError: the share is outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"bar: share is {share}, expected 0 to 1")
    return Markup(
        '<svg class="row" aria-hidden="true">'
        '<rect class="mark {}" x="0" y="25%" height="50%" width="{:.1f}%" rx="2"/></svg>'
    ).format(css, 100 * share)


def _x(axis: Axis, value: float) -> str:
    return f"{axis.percent(value):.2f}%"
