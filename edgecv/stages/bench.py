"""Time every variant on this machine: in turns, each in a process of its own."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from edgecv.bundle import Bundle, Variant
from edgecv.child import Child, ChildEndedError
from edgecv.data.pictures import find_pictures, read_picture
from edgecv.device.jetson import read_jetson
from edgecv.engines import check_variant
from edgecv.engines.onnxruntime import check_provider
from edgecv.engines.tensorrt import why_not_here
from edgecv.errors import DataError, EdgecvError, EngineError
from edgecv.machine import available_cores
from edgecv.metrics.latency import fingerprint, percentiles
from edgecv.progress import bar
from edgecv.recipe import BenchSettings
from edgecv.runtime.power import Energy, PowerMeter
from edgecv.stages import Context

# pictures of the data that take turns: their sizes change the time of the resize
PICTURES = 8
WARM_UP = 10  # after loading: backends allocate and choose kernels in the first calls
RETURN = 3  # after the others' turn: caches and clocks come back
TIMEOUT_S = 600.0
SAMPLE_S = 0.5  # of the machine's readings: a bench lasts seconds


def run(bundle: Bundle, settings: BenchSettings, context: Context) -> dict[str, Any]:
    """Time all variants whose speed means something here.

    Returns:
        {"environment", "threads", "requests", "pictures", "skipped": {name: reason},
        "variants": {name: {"engine_ms", "end_to_end_ms": {"p50", "p90", "p99", "max", "mean",
        "samples"}, "throughput_fps", "power_w", "mj_per_frame", "peak_rss_mb",
        "load_seconds"}}, "device": what `PowerMeter` tells of the whole time}

    Source: MLPerf Inference's single stream for `engine_ms` (its figure is p90), far shorter.
    """
    timed, skipped = timed_variants(bundle)
    folder = context.data or context.calibration
    found = bench(bundle, timed, settings, pictures_of(folder))
    p90s = {name: row["engine_ms"]["p90"] for name, row in found["variants"].items()}
    fastest = min(p90s, key=lambda name: p90s[name], default=None)
    told = f"fastest is {fastest}, {p90s[fastest]:.1f} ms at p90" if fastest else "nothing to time"
    return found | {"skipped": skipped, "summary": told}


def timed_variants(bundle: Bundle) -> tuple[list[Variant], dict[str, str]]:
    """The variants worth timing on this machine, and why each of the others is not."""
    timed, skipped = [], {}
    missing = why_not_here()
    for variant in bundle.manifest.variants:
        if variant.engine == "tensorrt" and missing is not None:
            skipped[variant.name] = f"{missing}: its time through ONNX Runtime means nothing"
            continue
        try:
            if "provider" in variant.details:
                check_provider(str(variant.details["provider"]))
        except EdgecvError as error:
            skipped[variant.name] = str(error)
            continue
        timed.append(variant)
    return timed, skipped


def pictures_of(folder: Path | None) -> list[Path]:
    """The first few usable pictures of a folder; none without one, then noise stands in."""
    return [] if folder is None else list(islice(_usable(find_pictures(folder)), PICTURES))


def _usable(paths: Sequence[Path]) -> Iterator[Path]:
    # the damaged ones were counted and named when the data was opened
    for path in paths:
        try:
            read_picture(path)
        except DataError:
            continue
        yield path


def bench(
    bundle: Bundle,
    variants: Sequence[Variant],
    settings: BenchSettings,
    pictures: Sequence[Path],
    unopened: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Time some variants; as `run`, without "skipped".

    Args:
        bundle, variants: which.
        settings, pictures: how.
        unopened: where given, gets the name of each that does not open, and why; the others are
            timed without it.

    Raises:
        BundleError: a file is not as it was built.
        EngineError: a variant cannot be opened or run.
    """
    pairs = [(bundle, variant) for variant in variants]
    found = bench_in_turns(pairs, settings, pictures, unopened)
    names = [variant.name for variant in variants if variant.name not in (unopened or {})]
    return found | {"variants": dict(zip(names, found["variants"], strict=True))}


def bench_in_turns(
    pairs: Sequence[tuple[Bundle, Variant]],
    settings: BenchSettings,
    pictures: Sequence[Path],
    unopened: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Time variants of one or several bundles; as `bench`, with "variants" a list in their order.

    Raises:
        BundleError: a file is not as it was built.
        EngineError: a variant cannot be opened or run.
    """
    environment = _environment()  # before: the load average is that of the others
    threads = available_cores()
    with (
        ExitStack() as stack,
        bar("timing", settings.rounds * 2 * len(pairs)) as advance,
        PowerMeter(period_s=SAMPLE_S) as meter,
    ):
        subjects: list[_Subject] = []
        for bundle, variant in pairs:
            subject = stack.enter_context(_Subject(bundle, variant))
            try:
                check_variant(bundle, variant)
                subject.start(threads, pictures)
            except EngineError as error:
                if unopened is None:
                    raise
                unopened[variant.name] = str(error).removeprefix(f"timing {variant.name}: ")
                for _ in range(2 * settings.rounds):
                    advance()
                continue
            subjects.append(subject)
        for calls in _shares(settings.queries, settings.rounds):
            for subject in subjects:
                subject.time_calls(calls)
                advance()
        for subject in subjects:
            subject.start_throughput(settings.requests)
        for calls in _shares(settings.queries, settings.rounds):
            for subject in subjects:
                subject.time_throughput(calls, settings.requests, meter)
                advance()
        device = meter.to_json()
        results = [subject.result() for subject in subjects]
    return {
        "environment": environment,
        "threads": threads,
        "requests": settings.requests,
        "pictures": [path.name for path in pictures] or ["noise 640x480"],
        "variants": results,
        "device": device,
    }


def _environment() -> dict[str, Any]:
    jetson = read_jetson()
    if jetson is None:
        return fingerprint()
    mode = jetson.power_mode.current
    return fingerprint() | {"jetpack": jetson.jetpack, "power_mode": mode.name if mode else None}


def _shares(total: int, rounds: int) -> list[int]:
    shares = [total // rounds + (index < total % rounds) for index in range(rounds)]
    return [share for share in shares if share]


class _Subject:
    """A variant in its process, and what has been measured of it."""

    def __init__(self, bundle: Bundle, variant: Variant) -> None:
        self.variant = variant
        self._bundle = bundle
        self._child = Child("edgecv.runtime.timing")
        self._samples: dict[str, list[float]] = {"engine": [], "end_to_end": []}
        self._fps: list[float] = []
        self._used: list[Energy] = []
        self._told: dict[str, Any] = {}

    def __enter__(self) -> _Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    def start(self, threads: int, pictures: Sequence[Path]) -> None:
        self._told = self._ask(
            do="open",
            folder=str(self._bundle.folder),
            manifest=self._bundle.manifest.model_dump_json(),
            variant=self.variant.model_dump(),
            threads=threads,
            pictures=[str(path) for path in pictures],
            requests=1,
            warm_up=WARM_UP,
        )

    def time_calls(self, calls: int) -> None:
        for what, samples in self._samples.items():
            samples.extend(self._ask(do=what, calls=calls, warm_up=RETURN)["samples"])

    def start_throughput(self, requests: int) -> None:
        # first: the engine with more requests takes more memory than a device with one needs
        self._told |= self._ask(do="memory")
        self._ask(do="open", requests=requests, warm_up=WARM_UP)

    def time_throughput(self, calls: int, requests: int, meter: PowerMeter) -> None:
        before = meter.look()
        self._fps.append(self._ask(do="throughput", calls=calls, requests=requests)["fps"])
        self._used.append(meter.look().since(before))

    def result(self) -> dict[str, Any]:
        return {
            **{f"{what}_ms": _summary(samples) for what, samples in self._samples.items()},
            "throughput_fps": round(statistics.median(self._fps), 2),
            **self._power(),
            "peak_rss_mb": self._told["peak_rss_mb"],
            "load_seconds": self._told["load_seconds"],
        }

    def _power(self) -> dict[str, float | None]:
        joules = [used.joules for used in self._used if used.joules is not None]
        if not joules or len(joules) < len(self._used):
            return {"power_w": None, "mj_per_frame": None}
        watts = sum(joules) / sum(used.seconds for used in self._used)
        per_frame = 1e3 * watts / statistics.median(self._fps)
        return {"power_w": round(watts, 2), "mj_per_frame": round(per_frame, 2)}

    def _ask(self, **message: Any) -> dict[str, Any]:
        try:
            answer = self._child.ask(message, TIMEOUT_S)
        except ChildEndedError as error:
            raise EngineError(
                f"timing {self.variant.name}: its process ended ({error}). "
                f"Try it alone: edgecv bench {self._bundle.folder} --engine {self.variant.engine}"
            ) from error
        if "error" in answer:
            raise EngineError(f"timing {self.variant.name}: {answer['error']}")
        return answer


def _summary(samples_ms: list[float]) -> dict[str, Any]:
    return {**percentiles(samples_ms), "samples": [round(value, 3) for value in samples_ms]}
