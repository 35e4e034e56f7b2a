from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from small_bundles import answer_of, picture_batch, small_bundle, spec_of

from edgecv.engines import Engine, PooledEngine, open_engine
from edgecv.errors import EngineError
from edgecv.runtime.switched import SwitchedEngine
from edgecv.stages.build import build_variant
from edgecv.types import Array, Image


def small(name: str, call: Callable[[Image], list[Array]] = answer_of) -> PooledEngine:
    return PooledEngine(name, spec_of(), call, 2)


def is_closed(engine: Engine) -> bool:
    with pytest.raises((ValueError, RuntimeError)):
        engine.submit(picture_batch())
    return True


def test_a_float_engine_gives_way_to_a_quantised_one_of_another_kind(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "b", int8=("openvino",))
    build_variant(bundle, "onnxruntime", "fp32")
    build_variant(bundle, "openvino", "int8")
    variants = {one.name: one for one in bundle.manifest.variants}
    opened: list[Engine] = []

    def open_variant(name: str) -> Engine:
        opened.append(open_engine(bundle, variants[name], requests=2))
        return opened[-1]

    with SwitchedEngine(open_variant("onnxruntime-fp32"), open_variant) as engine:
        first, batch = engine.name, picture_batch()
        before = engine.infer(batch)
        engine.switch("openvino-int8").result(120)
        assert engine.name != first
        assert is_closed(opened[0])
        # the small network's integers are exact
        for one, two, expected in zip(before, engine.infer(batch), answer_of(batch), strict=True):
            np.testing.assert_allclose(one, expected, atol=1e-4)
            np.testing.assert_allclose(two, expected, atol=1e-4)
        engine.switch("onnxruntime-fp32").result(120)
        assert engine.name == first
        assert len(opened) == 3
    assert all(is_closed(one) for one in opened)


def test_pictures_in_flight_are_answered_by_the_old_engine() -> None:
    go = threading.Event()

    def waits(batch: Image) -> list[Array]:
        go.wait(10)
        return [np.full(1, 7, np.float32)]

    old, new = small("old", waits), small("new")
    engine = SwitchedEngine(old, lambda name: new)
    flying = [engine.submit(picture_batch()) for _ in range(2)]
    switching = engine.switch("new")
    while engine.name != "new":
        time.sleep(0.01)
    assert not switching.done()  # the old one is closed when they are answered
    later = engine.submit(picture_batch())
    np.testing.assert_array_equal(later.result(10)[0], answer_of(picture_batch())[0])
    go.set()
    assert [answer.result(10)[0][0] for answer in flying] == [7, 7]
    switching.result(10)
    assert is_closed(old)
    engine.close()
    assert is_closed(new)


@pytest.mark.parametrize("fails", ["opening", "first call"])
def test_where_another_cannot_run_the_old_one_runs_on(fails: str) -> None:
    def refuse(batch: Image) -> list[Array]:
        raise EngineError("not here")

    made: list[PooledEngine] = []

    def open_variant(name: str) -> Engine:
        if fails == "opening":
            raise EngineError("not here")
        made.append(small("new", refuse))
        return made[0]

    engine = SwitchedEngine(small("old"), open_variant)
    with pytest.raises(EngineError, match="not here"):
        engine.switch("new").result(10)
    assert engine.name == "old"
    assert len(engine.infer(picture_batch())) == 2
    assert all(is_closed(one) for one in made)
    engine.close()


def test_closing_in_mid_switch_leaves_nothing_open() -> None:
    opening, go = threading.Event(), threading.Event()
    old, new = small("old"), small("new")

    def open_slowly(name: str) -> Engine:
        opening.set()
        go.wait(10)
        return new

    engine = SwitchedEngine(old, open_slowly)
    engine.infer(picture_batch())
    switching: Future[None] = engine.switch("new")
    opening.wait(10)
    threading.Timer(0.2, go.set).start()
    engine.close()
    engine.close()
    assert switching.done()
    assert is_closed(old)
    assert is_closed(new)
