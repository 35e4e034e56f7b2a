from __future__ import annotations

import numpy as np
import onnx
import pytest
from networks import network

from edgecv.quantization.network import read_network


def test_each_conv_is_found_with_its_activation() -> None:
    layers = {layer.name: layer for layer in read_network(network()).layers}
    assert list(layers) == ["stem", "depthwise", "pointwise", "mixed", "boxes.conv", "logits.conv"]
    assert layers["stem"].activation == "silu"
    assert layers["stem"].activated == "stem.act"
    assert layers["boxes.conv"].activation == "identity"


def test_a_relu_is_an_activation_too() -> None:
    layers = read_network(network("relu")).layers
    assert layers[0].activation == "relu"
    assert layers[0].activated == "stem.act"


def test_only_convs_that_no_conv_follows_are_predictions() -> None:
    final = [layer.name for layer in read_network(network()).layers if layer.final]
    assert final == ["boxes.conv", "logits.conv"]


def test_depthwise_convs_are_told_from_dense_ones() -> None:
    depthwise = [layer.name for layer in read_network(network()).layers if layer.depthwise]
    assert depthwise == ["depthwise"]


def test_macs_are_counted_by_hand() -> None:
    found = read_network(network())
    by_name = {layer.name: layer.macs for layer in found.layers}
    assert by_name["stem"] == 16 * 12 * 9 * 16 * 16
    assert by_name["depthwise"] == 16 * 9 * 16 * 16
    assert found.share({"stem"}) == pytest.approx(by_name["stem"] / sum(by_name.values()))


def test_raw_pixels_are_recognised_through_moves_and_constant_factors() -> None:
    assert read_network(network()).pixel_steps == {"focus": 1.0}
    assert read_network(network(focus=False)).pixel_steps == {"scaled": pytest.approx(1 / 255)}


def test_pixels_that_were_shifted_are_no_raw_pixels() -> None:
    model = network(focus=False)
    model.graph.initializer.append(
        onnx.numpy_helper.from_array(np.float32([1, 2, 3]).reshape(1, 3, 1, 1), "mean")
    )
    scaled = next(node for node in model.graph.node if node.name == "scaled")
    scaled.op_type = "Sub"
    scaled.input[1] = "mean"
    assert read_network(model).pixel_steps == {}


def test_a_divided_input_and_a_scaled_weight_give_the_same_product() -> None:
    random = np.random.default_rng(0)
    for layer in read_network(network()).layers:
        channels = layer.in_channels
        divisor = random.uniform(0.1, 10, channels).astype(np.float32)
        patch = random.normal(size=(channels, *layer.weight.shape[2:])).astype(np.float32)
        divided = patch / divisor.reshape(-1, 1, 1)
        expected = _product(layer.weight, patch, layer.groups)
        found = _product(layer.scaled(divisor), divided, layer.groups)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def _product(weight: np.ndarray, patch: np.ndarray, groups: int) -> np.ndarray:
    parts = zip(np.split(weight, groups), np.split(patch, groups), strict=True)
    return np.concatenate([np.einsum("oihw,ihw->o", one, read) for one, read in parts])
