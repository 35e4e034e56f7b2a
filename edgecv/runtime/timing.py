"""One variant timed in a process of its own, so that its peak memory is its own.

The other end of the pipe is `edgecv.stages.bench`. Messages are {"do": name, ...}: open, engine,
end_to_end, throughput, memory.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from edgecv.bundle import Bundle, Manifest, Variant
from edgecv.child import serve
from edgecv.data.pictures import read_picture
from edgecv.engines import Engine, open_engine
from edgecv.errors import EdgecvError
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import letterbox
from edgecv.types import Image

Message = dict[str, Any]

# what a device shows and not COCO's protocol: a score as in demos, suppression as in evaluation
DEPLOYED = {"score_min": 0.3, "nms_iou": 0.65, "max_boxes": 100}


class Subject:
    """The variant under test, with its pictures; one engine open at a time."""

    def __init__(self, message: Message) -> None:
        self.bundle = Bundle(
            Path(message["folder"]), Manifest.model_validate_json(message["manifest"])
        )
        self.variant = Variant.model_validate(message["variant"])
        self.threads: int = message["threads"]
        self.images = [read_picture(Path(name)) for name in message["pictures"]]
        if not self.images:
            self.images = [noise(640, 480)]
        spec = self.bundle.spec.input
        boxed = [letterbox(image, spec)[0] for image in self.images]
        self.batches = [np.stack([image] * (spec.batch or 1)) for image in boxed]
        self.engine: Engine | None = None

    def open(self, requests: int) -> Engine:
        if self.engine is not None:
            self.engine.close()
        self.engine = open_engine(
            self.bundle, self.variant, threads=self.threads, requests=requests
        )
        return self.engine


def noise(width: int, height: int) -> Image:
    """(height, width, 3) uint8 of uniform noise, the same each time."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def engine_ms(subject: Subject, engine: Engine, calls: int) -> list[float]:
    """Milliseconds of each call of the engine alone, one after the other."""
    return _timed(engine.infer, subject.batches, calls)


def end_to_end_ms(subject: Subject, engine: Engine, calls: int) -> list[float]:
    """Milliseconds from a decoded picture to its detections: letterbox, engine, postprocess."""
    spec = subject.bundle.spec.input
    batch = np.empty((spec.batch or 1, spec.height, spec.width, 3), np.uint8)

    def detect(image: Image) -> None:
        placed = [letterbox(image, spec, out=picture)[1] for picture in batch]
        answers = zip(placed, *engine.infer(batch), strict=True)
        for place, boxes, scores in answers:
            postprocess(boxes, scores, place, **DEPLOYED)  # type: ignore[arg-type]

    return _timed(detect, subject.images, calls)


def throughput_fps(subject: Subject, engine: Engine, calls: int, requests: int) -> float:
    """Pictures a second with `requests` calls in flight all the time."""
    flying = deque(engine.submit(batch) for batch in islice(cycle(subject.batches), requests))
    start = time.perf_counter()
    for batch in islice(cycle(subject.batches), calls):
        flying.popleft().result()
        flying.append(engine.submit(batch))
    seconds = time.perf_counter() - start
    for future in flying:
        future.result()
    return calls * len(subject.batches[0]) / seconds


def peak_rss_mb() -> float:
    """The most memory that this process held, in MB (1e6 bytes)."""
    try:
        status = Path("/proc/self/status").read_text("utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    except (OSError, StopIteration):
        # not first: on Linux a process inherits ru_maxrss of the one that started it
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _timed(call: Callable[[Image], object], inputs: list[Image], calls: int) -> list[float]:
    samples = []
    for value in islice(cycle(inputs), calls):
        start = time.perf_counter()
        call(value)
        samples.append((time.perf_counter() - start) * 1e3)
    return samples


def _open(subject: Subject, requests: int, warm_up: int) -> Message:
    start = time.perf_counter()
    engine = subject.open(requests)
    engine.infer(subject.batches[0])  # some backends finish loading at the first call
    seconds = time.perf_counter() - start
    engine_ms(subject, engine, warm_up)
    return {"load_seconds": round(seconds, 3), "engine": engine.name}


def _measure(subject: Subject, message: Message) -> Message:
    engine, calls = subject.engine, message["calls"]
    if engine is None:
        raise ValueError("measured before it was opened")
    if message["do"] == "throughput":
        return {"fps": throughput_fps(subject, engine, calls, message["requests"])}
    measure = engine_ms if message["do"] == "engine" else end_to_end_ms
    measure(subject, engine, message["warm_up"])
    return {"samples": measure(subject, engine, calls)}


def main() -> None:
    subject: Subject | None = None

    def answer(message: Message) -> Message:
        nonlocal subject
        try:
            if message["do"] == "memory":
                return {"peak_rss_mb": round(peak_rss_mb(), 1)}
            if subject is None:
                subject = Subject(message)
            if message["do"] == "open":
                return _open(subject, message["requests"], message["warm_up"])
            return _measure(subject, message)
        except EdgecvError as error:
            return {"error": str(error)}

    serve(answer)
    if subject is not None and subject.engine is not None:
        subject.engine.close()


if __name__ == "__main__":
    main()
