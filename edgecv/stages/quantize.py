"""Quantise `model.onnx`: one calibration, one table, an INT8 file for each engine family.

With method qat the weights then learn to live with the rounding; see quantization/qat.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecv.bundle import Bundle
from edgecv.errors import ModelError, UsageError
from edgecv.machine import Int8Cpu, int8_cpu
from edgecv.progress import say
from edgecv.recipe import QuantizeSettings
from edgecv.stages import Context

if TYPE_CHECKING:
    from edgecv.quantization.budget import Step
    from edgecv.quantization.files import Files
    from edgecv.quantization.judge import Judge


def run(bundle: Bundle, settings: QuantizeSettings, context: Context) -> dict[str, Any]:
    """Calibrate, rank, and give convs back to float until every file keeps the budget.

    Writes `onnx/<target>-int8.onnx` for each target, `quantization.json`, and for TensorRT the
    files in 16 bits.

    Returns:
        {"weight_bits", "cpu", "images", "int8_macs_share": {target}, "kept_float": [{"node", "op",
        "macs_share", "sqnr_db", "reason"}], "ranking": [{"node", "macs_share", "sqnr_db"}],
        "budget": {"max_drop", "metric", "float", "int8", "met", "data"}, "steps": [...],
        "departures": {target: {"node", "sqnr_db"}}, "half": as `write_half`}.

    Raises:
        UsageError: no pictures to calibrate on, or a conv to keep that does not exist.
        DataError: a picture cannot be read, or too few are there.
        ModelError: the graph has no conv that could be in INT8.
    """
    import onnx

    from edgecv.data.pictures import usable_pictures
    from edgecv.quantization.execute import Pictures
    from edgecv.quantization.files import calibrate
    from edgecv.quantization.half_files import write_half
    from edgecv.quantization.network import read_network
    from edgecv.quantization.plan import quantisable

    folder = context.calibration or context.data
    if folder is None:
        raise UsageError("nothing to calibrate on: give --calibration DIR or --data DIR")
    if settings.method == "qat":
        from edgecv.quantization.qat import check_trainable

        check_trainable(bundle, settings.qat)
    usable, _ = usable_pictures(folder, CALIBRATION_MIN)
    network = read_network(onnx.load(bundle.path("model.onnx")))
    _check_names(settings.keep_float, [layer.name for layer in network.layers])
    if not quantisable(network, settings.keep_float):
        raise ModelError(
            f"{bundle.spec.name}: nothing to quantise: of {len(network.layers)} convs "
            f"{sum(layer.final for layer in network.layers)} are predictions, which stay in float, "
            f"and quantize.keep_float names {len(settings.keep_float)}. "
            "To go without INT8: --set quantize=null"
        )
    pictures = Pictures(usable, bundle.spec.input).spread(settings.images)
    cpu: Int8Cpu = int8_cpu() if settings.cpu == "auto" else settings.cpu
    files = calibrate(network, bundle.spec.output, pictures, settings, cpu)
    found = _decide(bundle, settings, context, files, usable)
    return found | {"half": write_half(bundle, pictures, files.known)}


CALIBRATION_MIN = 8  # fewer pictures say too little about a range


def _check_names(wanted: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UsageError(
            f"quantize.keep_float: no conv named {', '.join(unknown)}; "
            f"the graph has {', '.join(known[:5])} and {max(0, len(known) - 5)} more"
        )


def _decide(
    bundle: Bundle,
    settings: QuantizeSettings,
    context: Context,
    files: Files,
    photos: Sequence[Path],
) -> dict[str, Any]:
    from edgecv.data.scored import scored
    from edgecv.quantization.account import account, account_budget, account_steps
    from edgecv.quantization.budget import search
    from edgecv.quantization.files import TARGETS
    from edgecv.quantization.judge import Judge
    from edgecv.quantization.table import FILE

    judge = Judge(bundle, files, scored(context.data, context.held_out))
    tries = {
        target: search(target, settings.budget, judge.float_score, judge.attempt)
        for target in TARGETS
    }
    chosen = {target: steps[-1] for target, steps in tries.items()}
    weights, told = dict.fromkeys(TARGETS, files), dict[str, Any]()
    if settings.method == "qat":
        from edgecv.quantization.qat import fine_tune
        from edgecv.quantization.qat_choice import choose

        learnt = fine_tune(bundle, files, chosen, settings, context, photos)
        weights, chosen, compared = choose(judge, files, learnt.files, chosen)
        told = {"qat": {**learnt.told, **compared}}
    departures = _departures(judge, weights, chosen)
    for target, step in chosen.items():
        model = weights[target].emission(target, step.kept_float)
        _write(bundle.new_file(f"onnx/{target}-int8.onnx"), model)
    table = files.table({target: step.kept_float for target, step in chosen.items()})
    bundle.new_file(FILE).write_text(table.model_dump_json(indent=1) + "\n", "utf-8")
    return {
        **account(files, chosen, settings.keep_float),
        "budget": account_budget(chosen, settings.budget, judge.float_score, judge.data),
        "steps": account_steps(tries),
        "departures": departures,
        **told,
    }


def _departures(
    judge: Judge, weights: Mapping[str, Files], chosen: Mapping[str, Step]
) -> dict[str, Any]:
    """The engines here that do not compute what their files say, and where that begins."""
    found = {}
    for target, step in chosen.items():
        departure = judge.departure(weights[target], step)
        if departure is not None:
            where = departure.node or "the detections"
            say(
                f"  {target}: computes otherwise than its file says, first at {where} "
                f"({departure.sqnr_db:.0f} dB). Keep it in float: "
                f"--set quantize.keep_float=[{departure.node}]"
            )
            found[target] = asdict(departure)
    return found


def _write(path: Path, model: Any) -> None:
    import onnx

    onnx.checker.check_model(model)
    onnx.save(model, path)
