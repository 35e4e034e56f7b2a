from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from small_qat import SIDE, Small, signal_to_noise_db
from torch import nn

from edgecv.errors import ModelError
from edgecv.models.deploy import Decode
from edgecv.models.detector import Detector
from edgecv.quantization.execute import Runner
from edgecv.quantization.files import TARGETS, Files
from edgecv.quantization.qat_conv import QuantisedConv
from edgecv.quantization.qat_network import learnt, quantise, use_file
from edgecv.types import Array, Image


def ready(small: Small, files: Files | None = None, kept: object = None) -> Detector:
    model = small.folded()
    quantise(model, files or small.files, kept or small.kept, small.settings)  # type: ignore[arg-type]
    return model.eval()


def answer(model: Detector, target: str, batch: Image) -> Array:
    """Scores of the network as the file of a target."""
    use_file(model, target)
    with torch.no_grad():
        levels = model(torch.from_numpy(batch).permute(0, 3, 1, 2).float())
        scores: Array = Decode(SIDE, SIDE, model.config.classes)(levels)[1].numpy()
    return scores


def as_said(model: onnx.ModelProto, batch: Image) -> Array:
    return Runner(model, ["scores"])(batch)["scores"]


def move(model: Detector, part: float = 0.02) -> None:
    """Let every conv, the predictions too, learn something."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += part * parameter.abs().mean() * torch.randn_like(parameter)


def initialisers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_as_no_file_it_is_the_float_network(small: Small) -> None:
    batch = next(iter(small.files.known.pictures))
    found = answer(ready(small), "", batch)
    assert signal_to_noise_db(found, as_said(small.files.network.model, batch)) > 90


@pytest.mark.parametrize("target", TARGETS)
def test_each_conv_alone_computes_as_its_file_says(small: Small, target: str) -> None:
    batch = next(iter(small.files.known.pictures))
    names = list(small.files.asymmetric)
    # the stem, behind pixels; the first depthwise and pointwise; one deep inside; one of the head
    for name in (*names[:3], names[40], names[-1]):
        others = [one for one in names if one != name]
        model = ready(small, kept=dict.fromkeys(TARGETS, others))
        said = as_said(small.files.emission(target, others), batch)
        assert signal_to_noise_db(answer(model, target, batch), said) > 60, name


@pytest.mark.parametrize("target", TARGETS)
def test_before_it_learns_it_is_as_far_from_float_as_its_file(small: Small, target: str) -> None:
    # what lies between two steps falls on either, so the noise is as loud and not the same
    batch = next(iter(small.files.known.pictures))
    exact = as_said(small.files.network.model, batch)
    said = as_said(small.files.emission(target, small.kept[target]), batch)
    noise = signal_to_noise_db(said, exact)
    found = answer(ready(small), target, batch)
    assert noise < 45
    assert abs(signal_to_noise_db(found, exact) - noise) < 3
    assert signal_to_noise_db(found, said) > noise - 4


def test_files_differ_by_what_they_quantise(small: Small) -> None:
    batch = next(iter(small.files.known.pictures))
    model = ready(small)
    found = {target: answer(model, target, batch) for target in ("", *TARGETS)}
    for one in found:
        assert [other for other in found if np.array_equal(found[one], found[other])] == [one]


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_learnt_changes_numbers_and_no_node(small: Small, target: str) -> None:
    model = ready(small)
    move(model)
    after = learnt(small.files, model)
    kept = small.kept[target]
    files = [one.emission(target, kept) for one in (small.files, after)]
    nodes = [[node.SerializeToString() for node in file.graph.node] for file in files]
    assert nodes[0] == nodes[1]
    before, now = map(initialisers, files)
    assert {name: (v.shape, v.dtype) for name, v in before.items()} == {
        name: (v.shape, v.dtype) for name, v in now.items()
    }
    changed = {name for name in now if not np.array_equal(before[name], now[name])}
    assert {name.rpartition(".")[2] for name in changed} <= {"int8", "uint8", "corrected"} | {
        "weight",
        "bias",
    }
    # also convs that no file quantises
    assert {"head.obj_preds.0.weight", "head.obj_preds.0.bias"} <= changed
    integers = [name for name in now if name.endswith((".int8", ".uint8"))]
    assert len(changed.intersection(integers)) > 0.9 * len(integers) > 80


@pytest.mark.parametrize("target", TARGETS)
def test_the_files_answer_as_the_network_that_learnt(small: Small, target: str) -> None:
    batch = next(iter(small.files.known.pictures))
    names = list(small.files.asymmetric)
    others = [name for name in names if name != names[2]]
    model = ready(small, kept=dict.fromkeys(TARGETS, others))
    move(model)
    after = learnt(small.files, model)
    said = as_said(after.emission(target, others), batch)
    assert signal_to_noise_db(answer(model, target, batch), said) > 60
    # and what was learnt is heard
    before = as_said(small.files.emission(target, others), batch)
    assert signal_to_noise_db(before, said) < 40


def test_a_network_that_learnt_nothing_gives_the_same_files(small: Small) -> None:
    after = learnt(small.files, ready(small))
    for target in TARGETS:
        before, now = (
            initialisers(files.emission(target, small.kept[target]))
            for files in (small.files, after)
        )
        assert before.keys() == now.keys()
        for name, value in before.items():
            np.testing.assert_allclose(now[name], value, rtol=1e-5, atol=1e-6)


def test_scales_and_ranges_stay_so_the_table_stays(small: Small) -> None:
    model = ready(small)
    move(model)
    assert learnt(small.files, model).table(small.kept) == small.files.table(small.kept)


def test_weights_of_another_network_are_refused(small: Small) -> None:
    network = small.files.network
    first = replace(network.layers[0], weight=network.layers[0].weight + 1)
    other = replace(small.files, network=replace(network, layers=(first, *network.layers[1:])))
    with pytest.raises(ModelError, match=rf"conv {first.name} is not that of weights"):
        ready(small, other)
    strange = replace(first, name="elsewhere")
    with pytest.raises(ModelError, match="conv elsewhere is not"):
        ready(small, replace(small.files, network=replace(network, layers=(strange,))))


def test_a_conv_without_bias_was_not_folded() -> None:
    with pytest.raises(ValueError, match="without bias"):
        QuantisedConv(nn.Conv2d(2, 2, 1, bias=False), {}, {})
