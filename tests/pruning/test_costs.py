from __future__ import annotations

from pathlib import Path

import pytest
from made_shapes import small_network

from edgecv.errors import UsageError
from edgecv.metrics.layers import LayerRow, LayerTable
from edgecv.models.graph import conv_macs
from edgecv.pruning import costs as module
from edgecv.pruning.conv_times import Engine
from edgecv.pruning.convs import Conv, read_convs
from edgecv.pruning.costs import channels_of, latency_costs, macs_costs, total
from edgecv.pruning.exported import export
from edgecv.pruning.groups import Graph, Group, cut

ENGINE = Engine("openvino", 1)
CONVS = {
    "a": Conv(3, 16, False, (1, 1), (1, 1), (0, 0, 0, 0), 4, 4, ""),
    "b": Conv(16, 16, True, (3, 3), (1, 1), (1, 1, 1, 1), 4, 4, ""),
    "c": Conv(32, 5, False, (1, 1), (1, 1), (0, 0, 0, 0), 4, 4, ""),
}
NAMES = {"a": ("a",), "b": ("b", "add"), "c": ("c",)}
# c reads what a makes twice, once through b
GROUPS = [Group("a", 16, {"a": 1, "b": 1}, {"c": 2})]


def table(whole_ms: float, **ms: float) -> LayerTable:
    rows = tuple(LayerRow(name=n, kind="Conv", ms=t, nodes=(n,)) for n, t in ms.items())
    return LayerTable(
        variant="openvino-fp32", engine="openvino", version="1", cpu="x", cores=1,
        whole_ms=whole_ms, layers=rows,
    )  # fmt: skip


@pytest.fixture
def linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose convs alone take a thousandth of a millisecond a channel read and made."""

    def times(convs: object, engine: Engine) -> dict[Conv, float]:
        return {conv: (conv.inputs + conv.outputs) / 1000 for conv in convs}  # type: ignore[attr-defined]

    monkeypatch.setattr(module, "conv_times", times)


def test_channels_follow_the_groups() -> None:
    assert channels_of(CONVS, GROUPS, {}) == {"a": (3, 16), "b": (16, 16), "c": (32, 5)}
    assert channels_of(CONVS, GROUPS, {"a": 10}) == {"a": (3, 10), "b": (10, 10), "c": (20, 5)}
    assert channels_of({}, [], {}) == {}


def test_multiply_accumulates_of_a_plan_are_those_of_the_cut_network(tmp_path: Path) -> None:
    model = small_network()
    convs = read_convs(export(model, 64, tmp_path / "whole.onnx"))
    groups = Graph(model).groups()
    kept = {group.name: group.width // 2 + i % 3 for i, group in enumerate(groups)}
    gone = {group.name: range(group.width - kept[group.name]) for group in groups}
    smaller = export(cut(model, gone), 64, tmp_path / "cut.onnx")
    expected = sum(conv_macs(smaller).values())
    assert total(macs_costs(convs), channels_of(convs, groups, kept)) == expected


@pytest.mark.usefixtures("linear")
def test_the_time_of_the_whole_network_is_what_was_measured() -> None:
    found = latency_costs(CONVS, table(10.0, a=1, b=2, c=3, other=2), NAMES, 4, ENGINE)
    # to time each layer took less than the whole takes: all of them in proportion
    assert found.fixed == pytest.approx(2 * 10 / 8)
    assert total(found, channels_of(CONVS, GROUPS, {})) == pytest.approx(10)


@pytest.mark.usefixtures("linear")
def test_a_conv_gets_faster_as_it_does_alone() -> None:
    found = latency_costs(CONVS, table(6.0, a=1, b=2, c=3), NAMES, 4, ENGINE)
    assert found.conv("a", 3, 16) == pytest.approx(1)
    assert found.conv("a", 3, 8) == pytest.approx(1 * (3 + 8) / (3 + 16))
    assert found.conv("b", 4, 4) == pytest.approx(2 * 8 / 32)
    # between what was measured it is interpolated
    assert found.conv("c", 20, 5) == pytest.approx(3 * 25 / 37)


def test_fewer_channels_never_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = {3: 5.0, 8: 2.0, 12: 4.0, 16: 3.0, 4: 9.0}
    monkeypatch.setattr(
        module, "conv_times", lambda convs, engine: {c: noisy.get(c.outputs, 1.0) for c in convs}
    )
    found = latency_costs(CONVS, table(6.0, a=1, b=2, c=3), NAMES, 4, ENGINE)
    times = [found.conv("a", 3, outputs) for outputs in range(4, 17)]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(1)


@pytest.mark.usefixtures("linear")
def test_activations_that_are_not_fused_shrink_with_what_they_read() -> None:
    rows = table(8.0, a=1, b=2, c=3).layers
    act = LayerRow(name="act", kind="QuickGelu", ms=2, nodes=("act",))
    given = table(8.0).model_copy(update={"layers": (*rows, act)})
    found = latency_costs(CONVS, given, NAMES, 4, ENGINE)
    assert found.fixed == pytest.approx(0)
    values = 16 * (16 + 16 + 5)
    assert found.conv("a", 3, 16) == pytest.approx(1 + 2 * 16 * 16 / values)
    assert total(found, channels_of(CONVS, GROUPS, {})) == pytest.approx(8)


@pytest.mark.usefixtures("linear")
def test_times_of_another_network_are_refused() -> None:
    with pytest.raises(UsageError, match=r"1 of 3 convs are not there, e\.g\. b; .*another net"):
        latency_costs(CONVS, table(5.0, a=1, c=3), NAMES, 4, ENGINE)


@pytest.mark.usefixtures("linear")
def test_a_conv_may_go_by_the_name_of_what_was_fused_into_it() -> None:
    found = latency_costs(CONVS, table(6.0, a=1, add=2, c=3), NAMES, 4, ENGINE)
    assert found.conv("b", 16, 16) == pytest.approx(2)
