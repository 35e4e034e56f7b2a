from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgecv.models.cost import network_cost
from edgecv.models.deploy import Deployed
from edgecv.models.detector import Config, build
from edgecv.models.export_torch import export_onnx
from edgecv.models.graph import conv_macs, parameter_count
from edgecv.models.onnx_write import write_graph
from edgecv.models.students import StudentConfig
from edgecv.models.yolox import YoloxConfig


@pytest.mark.parametrize(
    "config",
    [YoloxConfig(8, 1, True, 3), StudentConfig("mobilenet_v3_small", 0.25, 16, 1, "relu", 3)],
)
def test_a_network_costs_what_its_exported_graph_costs(config: Config, tmp_path: Path) -> None:
    model = build(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)  # equal ones would be one in the graph
    exported = export_onnx(Deployed(model, 64, 64), 64, 64, batch=1, opset=17)
    graph = write_graph(exported, tmp_path / "n.onnx", simplify=True, drop_prefix="")
    assert network_cost(model, 64) == (parameter_count(graph), sum(conv_macs(graph).values()))
    assert network_cost(model, 128)[1] > 3.5 * network_cost(model, 64)[1]
    assert next(model.parameters()).device.type == "cpu"
