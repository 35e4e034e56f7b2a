from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_bundles import answer_of, picture_batch, small_bundle, small_graph, spec_of

from edgecv.engines import build_engine, open_engine
from edgecv.engines.onnxruntime import PROVIDERS, link_or_copy, open_call
from edgecv.errors import EngineError
from edgecv.stages.build import build_variant


def test_the_float_variant_opens_the_float_graph_itself(tmp_path: Path) -> None:
    built = build_engine("onnxruntime", tmp_path / "model.onnx", tmp_path, "onnxruntime-fp32")
    assert built.file is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", [True, False], ids=["links", "no-links"])
def test_the_int8_file_is_its_source_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def refuse(*_: object) -> None:
            raise OSError("no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"graph")
    link_or_copy(source, target)
    assert target.read_bytes() == b"graph"
    assert source.samefile(target) == links


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    model = small_graph()
    model.graph.node[-1].op_type = "Frobnicate"
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(EngineError, match="Frobnicate"):
        open_call(tmp_path / "a.onnx", spec_of(), None, 1)


def test_a_damaged_file_is_refused_in_one_message(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"not a graph")
    with pytest.raises(EngineError, match=r"a\.onnx: ONNX Runtime cannot open it: [^\n]+$"):
        open_call(tmp_path / "a.onnx", spec_of(), None, 1)


def test_without_optimisation_the_answer_is_the_same_here(tmp_path: Path) -> None:
    onnx.save(small_graph(quantised="int8"), tmp_path / "a.onnx")
    answer = open_call(tmp_path / "a.onnx", spec_of(), 1, 1, optimise=False)(picture_batch())
    for found, expected in zip(answer, answer_of(picture_batch()), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_provider_that_is_not_here_is_refused_with_those_that_are(tmp_path: Path) -> None:
    import onnxruntime

    absent = next(
        name
        for name, full in PROVIDERS.items()
        if full not in onnxruntime.get_available_providers()
    )
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, "onnxruntime", "fp32", {"provider": absent})
    with pytest.raises(EngineError, match=f"no provider '{absent}'; it has .*cpu"):
        open_engine(bundle, variant)


def test_a_provider_that_does_not_start_is_not_replaced_by_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    # this build has no CUDA: asked for it, ONNX Runtime warns and goes on with the CPU, just as
    # a build with CUDA does where the driver's libraries are missing
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()), raising=True
    )
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: session(path, options, providers=providers[1:]),
    )
    onnx.save(small_graph(), tmp_path / "a.onnx")
    with pytest.raises(EngineError, match="CUDAExecutionProvider did not start"):
        open_call(tmp_path / "a.onnx", spec_of(), 1, 1, provider="cuda")
