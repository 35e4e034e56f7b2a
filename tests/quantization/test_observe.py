from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from networks import network, pictures

from edgecv.quantization import observe as module
from edgecv.quantization.execute import Pictures, Runner
from edgecv.quantization.network import read_network
from edgecv.quantization.observe import moments, observe


def test_a_histogram_holds_every_value_between_its_extremes(tmp_path: Path) -> None:
    found = read_network(network())
    seen = pictures(tmp_path, 3)
    histogram = observe(found, ["stem.act"], seen)["stem.act"]
    run = Runner(found.model, ["stem.act"])
    values = np.concatenate([run(batch)["stem.act"][0].reshape(16, -1) for batch in seen], axis=1)
    np.testing.assert_allclose(histogram.low, values.min(axis=1))
    np.testing.assert_allclose(histogram.high, values.max(axis=1))
    assert (histogram.counts.sum(axis=1) == values.shape[1]).all()
    mean = (histogram.counts * histogram.values).sum(axis=1) / values.shape[1]
    np.testing.assert_allclose(mean, values.mean(axis=1), atol=float(np.ptp(values)) / 1000)


def test_large_maps_are_thinned_but_their_extremes_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_network(network())
    whole = observe(found, ["stem.act"], pictures(tmp_path))["stem.act"]
    monkeypatch.setattr(module, "COUNTED", 64)
    thin = observe(found, ["stem.act"], pictures(tmp_path))["stem.act"]
    np.testing.assert_array_equal(thin.high, whole.high)
    assert (thin.counts.sum(axis=1) == 8 * 64).all()


def test_tensors_taken_out_in_several_passes_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_network(network())
    names = ["focus", "stem.act", "both"]
    once = observe(found, names, pictures(tmp_path))
    monkeypatch.setattr(module, "TENSOR_BYTES", 1)
    several = observe(found, names, pictures(tmp_path))
    for name in names:
        np.testing.assert_array_equal(once[name].counts, several[name].counts)


def test_second_moments_are_those_of_what_the_conv_reads(tmp_path: Path) -> None:
    found = read_network(network())
    layer, seen = next(moments(found, {"pointwise": lambda rows: rows}, pictures(tmp_path)))
    run = Runner(found.model, ["depthwise.act"])
    rows = np.concatenate(
        [run(b)["depthwise.act"][0].reshape(16, -1) for b in pictures(tmp_path)], axis=1
    )
    assert layer.name == "pointwise"
    expected = rows @ rows.T / rows.shape[1]
    np.testing.assert_allclose(seen.products[0], expected, atol=0.1 * np.abs(expected).max())
    np.testing.assert_allclose(seen.exact[0], rows.mean(axis=1), atol=0.1 * np.abs(rows).max())


@pytest.mark.parametrize("name", ["stem", "depthwise", "mixed"])
def test_patches_times_weights_are_the_convs_output(name: str, tmp_path: Path) -> None:
    found = read_network(network())
    layer, seen = next(moments(found, {name: lambda rows: rows}, pictures(tmp_path)))
    mean = np.einsum("grk,gk->gr", layer.grouped_weight, seen.exact).reshape(-1) + layer.bias
    run = Runner(found.model, [name])
    whole = np.concatenate([run(b)[name][0].reshape(len(mean), -1) for b in pictures(tmp_path)], 1)
    np.testing.assert_allclose(mean, whole.mean(axis=1), atol=0.3 * whole.std(axis=1).max())


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path) -> None:
    found = read_network(network())
    few = pictures(tmp_path, 8)
    many = Pictures(few.paths * 10, few._size)
    observe(found, ["both"], few)  # imports and caches are paid for once
    peaks = []
    for seen in (few, many):
        tracemalloc.start()
        observe(found, ["focus", "stem.act", "both"], seen)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_pictures_are_spread_over_the_whole(tmp_path: Path) -> None:
    chosen = pictures(tmp_path, 9).spread(3)
    assert [path.stem for path in chosen.paths] == ["000", "004", "008"]
    assert len(pictures(tmp_path, 2).spread(5)) == 2


def test_a_fixed_batch_is_filled_up(tmp_path: Path) -> None:
    seen = pictures(tmp_path, 3)
    batched = Pictures(seen.paths, seen._size.model_copy(update={"batch": 2}))
    assert [batch.shape[0] for batch in batched] == [2, 2]
