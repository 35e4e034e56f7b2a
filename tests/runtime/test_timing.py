from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_bundles import answer_of, small_bundle, spec_of

from edgecv.bundle import Bundle, Manifest, Variant
from edgecv.child import Child
from edgecv.engines import PooledEngine, open_engine
from edgecv.runtime import timing

NULL = Variant(name="null-fp32", engine="null", precision="fp32", file="")


def message_of(bundle: Bundle, variant: Variant = NULL, **more: Any) -> dict[str, Any]:
    return {
        "folder": str(bundle.folder),
        "manifest": bundle.manifest.model_dump_json(),
        "variant": variant.model_dump(),
        "threads": 1,
        "pictures": [],
        **more,
    }


@pytest.fixture
def subject(tmp_path: Path) -> timing.Subject:
    return timing.Subject(message_of(Bundle(tmp_path, Manifest(spec=spec_of()))))


def slow(seconds: float, requests: int) -> PooledEngine:
    def call(batch: Any) -> Any:
        time.sleep(seconds)
        return answer_of(batch)

    return PooledEngine("slow", spec_of(), call, requests)


def test_each_call_is_timed_alone(subject: timing.Subject) -> None:
    with slow(0.01, 1) as engine:
        samples = timing.engine_ms(subject, engine, 5)
    assert len(samples) == 5
    assert min(samples) >= 10


def test_end_to_end_takes_longer_than_the_engine_in_it(subject: timing.Subject) -> None:
    with slow(0.01, 1) as engine:
        samples = timing.end_to_end_ms(subject, engine, 3)
    assert len(samples) == 3
    assert min(samples) > 10


@pytest.mark.parametrize("requests", [1, 4])
def test_throughput_grows_with_the_requests_in_flight(
    subject: timing.Subject, requests: int
) -> None:
    with slow(0.02, requests) as engine:
        fps = timing.throughput_fps(subject, engine, 40, requests)
    # 50 a second for each request; less on a machine that is busy with other things
    assert requests * 20 < fps <= requests * 50 * 40 / (40 - requests)


def test_without_pictures_the_same_noise_is_used_every_time() -> None:
    assert timing.noise(640, 480).shape == (480, 640, 3)
    np.testing.assert_array_equal(timing.noise(8, 4), timing.noise(8, 4))


def test_an_engine_opened_again_closes_the_first(subject: timing.Subject) -> None:
    first = subject.open(1)
    second = subject.open(2)
    with pytest.raises(ValueError, match="closed"):
        first.infer(subject.batches[0])
    second.close()


def test_the_peak_memory_is_that_of_the_process_and_not_of_its_parent(tmp_path: Path) -> None:
    ballast = np.ones(80_000_000, np.float64)
    assert timing.peak_rss_mb() > 640
    bundle = Bundle(tmp_path, Manifest(spec=spec_of()))
    with Child("edgecv.runtime.timing") as child:
        told = child.ask(message_of(bundle, do="open", requests=1, warm_up=1), 60)
        memory = child.ask({"do": "memory"}, 60)["peak_rss_mb"]
    assert told["engine"] == "null"
    assert 20 < memory < 400
    assert ballast[0] == 1


def test_a_failure_comes_back_as_one_message(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "bundle")
    variant = Variant(name="openvino-fp32", engine="openvino", precision="fp32", file="gone.xml")
    with Child("edgecv.runtime.timing") as child:
        told = child.ask(message_of(bundle, variant, do="open", requests=1, warm_up=1), 60)
    assert "gone.xml: the file of variant openvino-fp32 is missing" in told["error"]


def test_pictures_of_the_message_are_read_and_letterboxed(tmp_path: Path) -> None:
    import cv2

    picture = np.full((20, 40, 3), 200, np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    bundle = Bundle(tmp_path, Manifest(spec=spec_of()))
    subject = timing.Subject(message_of(bundle) | {"pictures": [str(tmp_path / "a.png")]})
    (batch,) = subject.batches
    assert batch.shape == (1, 32, 32, 3)
    assert (batch[0, :16] == 200).all()
    assert (batch[0, 16:] == 114).all()
    with open_engine(bundle, NULL) as engine:
        assert len(timing.end_to_end_ms(subject, engine, 2)) == 2
