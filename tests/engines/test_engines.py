from __future__ import annotations

import os
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_bundles import answer_of, picture_batch, small_bundle, spec_of

import edgecv.engines
from edgecv.bundle import Bundle, Manifest, Variant
from edgecv.engines import ENGINES, PooledEngine, build_engine, check_batch, open_engine
from edgecv.engines._engine import GIVE_WAY, opened_aside
from edgecv.errors import BundleError, EngineError, MissingExtraError, UsageError
from edgecv.stages.build import build_variant

NULL = Variant(name="null-fp32", engine="null", precision="fp32", file="")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.has_nvidia_gpu", lambda: False)


@pytest.fixture
def null_bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path, Manifest(spec=spec_of()))


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_of_the_table_can_be_imported_without_its_package(name: str) -> None:
    module = import_module(ENGINES[name])
    assert callable(module.build)
    assert callable(module.open)


def test_every_file_is_in_the_table() -> None:
    folder = Path(edgecv.engines.__file__).parent
    files = {path.stem for path in folder.iterdir() if not path.name.startswith("_")}
    assert files == set(ENGINES)


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        (np.zeros((1, 32, 32, 3), np.float32), r"\(1, 32, 32, 3\) float32"),
        (np.zeros((32, 32, 3), np.uint8), r"\(32, 32, 3\) uint8"),
        (np.zeros((1, 3, 32, 32), np.uint8), r"\(1, 3, 32, 32\) uint8"),
        (np.zeros((2, 32, 32, 3), np.uint8), r"\(2, 32, 32, 3\) uint8"),
        (np.zeros((0, 32, 32, 3), np.uint8), r"\(0, 32, 32, 3\) uint8"),
        (np.zeros((1, 32, 64, 3), np.uint8), r"\(1, 32, 64, 3\) uint8"),
        ([[0]], "list"),
        (None, "NoneType"),
    ],
    ids=["float", "no-batch", "planes", "two", "empty", "wide", "list", "none"],
)
def test_a_wrong_batch_is_refused_with_what_was_found_and_expected(batch: Any, found: str) -> None:
    with pytest.raises(ValueError, match=f"batch is {found}, expected .1, 32, 32, 3. uint8"):
        check_batch(batch, spec_of())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_open_batch_takes_any_number_of_pictures(count: int) -> None:
    check_batch(picture_batch(count), spec_of(batch=None))
    with pytest.raises(ValueError, match=r"expected \(B, 32, 32, 3\)"):
        check_batch(picture_batch(0), spec_of(batch=None))


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "tensorrt"])
@pytest.mark.parametrize("call", ["infer", "submit"])
def test_every_engine_refuses_a_wrong_batch_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, call: str
) -> None:
    # what TensorRT says of the graph is tested where it is asked
    monkeypatch.setattr("edgecv.engines.tensorrt.acceptance.accept", lambda source: {})
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, engine, "fp32")
    with open_engine(bundle, variant) as opened, pytest.raises(ValueError, match="expected"):
        getattr(opened, call)(picture_batch(2))


def test_an_unknown_engine_names_those_that_exist(null_bundle: Bundle) -> None:
    variant = Variant(name="tflite-int8", engine="tflite", precision="int8", file="x")
    with pytest.raises(UsageError, match="no engine 'tflite'; there are: openvino, onnxruntime"):
        open_engine(null_bundle, variant)
    with pytest.raises(UsageError, match="no engine 'tflite'"):
        build_engine("tflite", Path("x"), Path(), "x")


@pytest.mark.parametrize(
    ("required", "here", "refused"),
    [
        ("x86-vnni", "x86", True),
        ("x86-vnni", "x86-vnni", False),
        ("x86-vnni", "arm", False),
        ("any", "x86", False),
        ("x86", "x86-vnni", False),
        ("arm", "x86-vnni", True),
        ("arm", "arm", False),
        ("riscv", "x86-vnni", True),
    ],
)
def test_a_file_whose_integers_overflow_here_is_refused(
    null_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, required: str, here: str, refused: bool
) -> None:
    monkeypatch.setattr("edgecv.engines.int8_cpu", lambda: here)
    variant = NULL.model_copy(update={"requires": {"cpu": required}})
    if refused:
        with pytest.raises(EngineError, match=rf"'{required}'.*--set quantize\.cpu={here}"):
            open_engine(null_bundle, variant)
    else:
        open_engine(null_bundle, variant).close()


@pytest.mark.parametrize("name", ["engines/openvino-fp32.xml", "engines/openvino-fp32.bin"])
def test_a_file_that_changed_since_the_manifest_is_refused(tmp_path: Path, name: str) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, "openvino", "fp32")
    bundle.save()
    with bundle.path(name).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(BundleError, match=f"{name}.*edgecv build"):
        open_engine(bundle, variant)


def test_a_missing_file_says_how_to_build_it(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, "openvino", "fp32")
    bundle.path(variant.file).unlink()
    with pytest.raises(BundleError, match=r"missing.*edgecv build .* --engine openvino"):
        open_engine(bundle, variant)


@pytest.mark.parametrize(("threads", "requests"), [(0, 1), (1, 0), (None, -1)])
def test_numbers_below_one_are_refused(
    null_bundle: Bundle, threads: int | None, requests: int
) -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        open_engine(null_bundle, NULL, threads=threads, requests=requests)


def test_a_closed_engine_says_so_and_closing_twice_does_no_harm() -> None:
    released: list[int] = []
    engine = PooledEngine("x", spec_of(), answer_of, release=lambda: released.append(1))
    engine.close()
    engine.close()
    assert released == [1]
    with pytest.raises(ValueError, match="engine x: it is closed"):
        engine.infer(picture_batch())


def test_the_first_call_runs_alone_and_the_later_ones_together() -> None:
    begun: list[str] = []
    together = threading.Barrier(2)

    def call(batch: Any) -> Any:
        begun.append("begun")
        if len(begun) == 1:
            time.sleep(0.1)  # long enough for the second to come in
            assert begun == ["begun"]
        else:
            together.wait(10)
        return []

    with PooledEngine("x", spec_of(), call, requests=2) as engine:
        for future in [engine.submit(picture_batch()) for _ in range(3)]:
            future.result(timeout=20)


@pytest.mark.skipif(sys.platform != "linux", reason="priority belongs to processes here")
def test_calls_in_flight_and_what_opening_starts_give_way_to_the_other_threads() -> None:
    def priority(batch: Any = None) -> list[np.ndarray]:
        return [np.array(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))]

    here = int(priority()[0])
    with PooledEngine("x", spec_of(), priority) as engine:
        for found in (engine.submit(picture_batch()).result(), opened_aside(priority)):
            assert found[0] == min(19, here + GIVE_WAY)
        assert engine.infer(picture_batch())[0] == here


def test_an_error_of_a_submitted_call_comes_with_its_result() -> None:
    def fail(batch: Any) -> Any:
        raise EngineError("no memory")

    with PooledEngine("x", spec_of(), fail) as engine:
        future = engine.submit(picture_batch())
        with pytest.raises(EngineError, match="no memory"):
            future.result(timeout=10)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "tensorrt"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("requests", [1, 3])
def test_every_engine_answers_as_numpy_does_with_several_calls_in_flight(
    tmp_path: Path, engine: str, precision: Any, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecv.engines.tensorrt.acceptance.accept", lambda source: {})
    bundle = small_bundle(tmp_path / "bundle", int8=(engine,))
    variant = build_variant(bundle, engine, precision)
    batches = [picture_batch(seed=seed) for seed in range(8)]
    with open_engine(bundle, variant, threads=1, requests=requests) as opened:
        answers = [opened.submit(batch) for batch in batches]
        for batch, answer in zip(batches, answers, strict=True):
            for found, again, expected in zip(
                answer.result(timeout=30), opened.infer(batch), answer_of(batch), strict=True
            ):
                assert found.dtype == np.float32
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
                np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("count", [1, 3])
def test_an_open_batch_is_answered_whole(tmp_path: Path, engine: str, count: int) -> None:
    bundle = small_bundle(tmp_path / "bundle", batch=None)
    variant = build_variant(bundle, engine, "fp32")
    with open_engine(bundle, variant) as opened:
        for found, expected in zip(
            opened.infer(picture_batch(count)), answer_of(picture_batch(count)), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_an_answer_stays_when_the_next_one_comes(tmp_path: Path, engine: str) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, engine, "fp32")
    with open_engine(bundle, variant) as opened:
        first = opened.infer(picture_batch(seed=1))
        copies = [array.copy() for array in first]
        opened.infer(picture_batch(seed=2))
        for array, copy in zip(first, copies, strict=True):
            np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_missing_package_prints_the_pip_line_of_the_extra(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    variant = build_variant(bundle, engine, "fp32")
    monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(MissingExtraError, match=rf"pip install .*\[{engine}\]'"):
        open_engine(bundle, variant)
    with pytest.raises(MissingExtraError, match=rf"pip install .*\[{engine}\]'"):
        build_variant(bundle, engine, "fp32")
