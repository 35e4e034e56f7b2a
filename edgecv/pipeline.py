"""From a recipe to a bundle: run or reuse each stage, then publish."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from edgecv.bundle import Bundle, StageRecord
from edgecv.data.dataset import class_map
from edgecv.errors import BudgetMissedError, EdgecvError
from edgecv.inputs import Inputs, check_calibration, open_inputs
from edgecv.machine import int8_cpu
from edgecv.metrics.latency import fingerprint, versions
from edgecv.output import check_output, check_room, locked, room_hint
from edgecv.plan import Step, check_cpu, check_packages, make_plan
from edgecv.progress import bar, say
from edgecv.recipe import Recipe
from edgecv.stages import Context
from edgecv.workspace import check_same, find_result, half_done, has_result, new_result, publish


@dataclass(frozen=True)
class Planned:
    """What a run would do.

    Attributes:
        steps: all stages, in order.
        reused: how many of them, from the first, are there already.
        inputs: what it reads.
    """

    steps: list[Step]
    reused: int
    inputs: Inputs


def plan(recipe: Recipe, context: Context, out: Path, *, fresh: bool = False) -> Planned:
    """Check everything that can be checked before a stage runs; change nothing.

    Raises:
        UsageError: or one of its kinds: recipe, inputs, packages or output folder are not usable.
    """
    check_output(out)
    check_cpu(recipe, int8_cpu())
    inputs = open_inputs(recipe, context)
    steps = make_plan(recipe, inputs)
    there = [number for number, step in enumerate(steps, 1) if has_result(out, step)]
    reused = max(there, default=0) if not fresh else 0
    check_packages(steps, reused)
    return Planned(steps, reused, inputs)


def compress(
    recipe: Recipe,
    name: str,
    context: Context,
    out: Path,
    *,
    fresh: bool = False,
    keep: bool = False,
) -> Bundle:
    """Run the stages of a recipe, each reused if all that decides its result is as it was.

    Killed at any instant, the next call goes on after the last complete stage. Whatever fails, the
    bundle that was there before stays.

    Args:
        recipe: which stages, with which settings.
        name: of the recipe, for the bundle.
        context: weights, pictures, and the command line.
        out: the folder of the bundle; made when absent.
        fresh: reuse nothing.
        keep: refuse to replace a bundle that came of anything else.

    Raises:
        EdgecvError: of any stage, or of `plan`.
    """
    planned = plan(recipe, context, out, fresh=fresh)
    if keep and not fresh:
        # another page of the same result replaces nothing
        check_same(out, [step.key for step in planned.steps if step.name != "report"])
    check_room(out, planned.inputs.context.weights)
    _check_pictures(planned)
    with locked(out):
        done, bundle = _former(out, planned.steps) if not fresh else (0, None)
        _remove_half_done(out, planned.steps if fresh else planned.steps[:done])
        names = [step.name for step in planned.steps]
        settled = next((name for name in ("distill", "train") if name in names), "load")
        for step in planned.steps[:done]:
            say(f"{step.name:<10} {'reused':>8}")
        for step in planned.steps[done:]:
            bundle = _run(out, step, bundle, name, planned.inputs, step.name == settled)
            _remove_half_done(out, [step])
        if bundle is None:
            raise ValueError("a plan without steps")
        return publish(out, bundle)


def check_budget(bundle: Bundle) -> None:
    """Whether the INT8 files of a bundle are as accurate as its recipe asks.

    Raises:
        BudgetMissedError: naming the files that are not.
    """
    budget = bundle.metrics("quantize").get("budget") or {}
    limit = budget.get("max_drop")
    if limit is None:
        return
    scored = bundle.metrics("evaluate").get("variants", {})
    drops = {name: found["drop"]["mAP"] for name, found in scored.items() if found.get("drop")}
    judged = [
        variant.name
        for variant in bundle.manifest.variants
        if variant.precision == "int8" and variant.name in drops
    ]
    missed = [f"{name} loses {drops[name]:.4f} mAP" for name in judged if drops[name] > limit]
    # the search covers files that were not asked for: it speaks only where none was measured
    if not judged and budget.get("met") is False:
        missed = ["the INT8 network does not keep it"]
    if missed:
        raise BudgetMissedError(
            f"the accuracy budget of {limit:g} mAP is missed: {', '.join(missed)}. "
            f"All files are written to {bundle.folder}. "
            "Allow more work in float: --set quantize.budget.max_float=..., or a larger drop"
        )


def _check_pictures(planned: Planned) -> None:
    folder = planned.inputs.context.calibration
    names = [step.name for step in planned.steps[planned.reused :]]
    if folder is None or "quantize" not in names:
        return
    check_calibration(folder)
    if folder == planned.inputs.context.data:
        say(f"calibrating on the pictures of --data {folder}, since there is no --calibration")


def _former(out: Path, steps: Sequence[Step]) -> tuple[int, Bundle | None]:
    """How many steps are done, and the result of the last of them, which holds all before it."""
    for done in range(len(steps), 0, -1):
        bundle = find_result(out, steps[done - 1])
        if bundle is not None:
            return done, bundle
    return 0, None


def _remove_half_done(out: Path, steps: Sequence[Step]) -> None:
    for step in steps:
        shutil.rmtree(half_done(out, step.name), ignore_errors=True)


def _run(
    out: Path, step: Step, before: Bundle | None, name: str, inputs: Inputs, settled: bool
) -> Bundle:
    module, _, function = step.stage.run.partition(":")
    context = replace(inputs.context, scratch=half_done(out, step.name))
    start = time.perf_counter()
    with new_result(out, step, before) as bundle:
        stage: Callable[[Bundle, Any, Context], dict[str, Any]]
        stage = getattr(import_module(module), function)
        try:
            # results alone go to stdout; what a library prints is none
            with bar(step.name, None), redirect_stdout(sys.stderr):
                metrics = stage(bundle, step.settings, context)
            if settled and inputs.dataset is not None:
                class_map(inputs.dataset, bundle.spec.class_names)
        except EdgecvError as error:
            # the folder that the stage worked in is gone when this is read
            message = str(error).replace(str(bundle.folder), str(out))
            error.args = (message + room_hint(out),)
            raise
        seconds = round(time.perf_counter() - start, 2)
        record = StageRecord(
            stage=step.name,
            key=step.key,
            settings=step.settings.model_dump(mode="json"),
            metrics=metrics,
            seconds=seconds,
            environment={**fingerprint(), "packages": versions(step.stage.packages)},
        )
        bundle.update(recipe=name, history=(*bundle.manifest.history, record))
    say(f"{step.name:<10} {seconds:6.1f} s  {metrics.get('summary', '')}".rstrip())
    return bundle
