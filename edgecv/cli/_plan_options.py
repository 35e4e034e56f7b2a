"""The options of `edgecv build` that only a plan of TensorRT understands."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from edgecv.bundle import Variant
from edgecv.engines.tensorrt.options import PlanOptions, parse_batch

NAMED = 8
Command = Callable[..., Any]


def plan_options(command: Command) -> Command:
    """Add them to a command, which gets `plan`: PlanOptions, or None when none is given."""

    @wraps(command)
    def with_plan(
        workspace: int | None,
        dla: int | None,
        batch: str | None,
        timing_cache: Path | None,
        version_compatible: bool,
        **others: Any,
    ) -> Any:
        plan = PlanOptions(
            workspace_mb=workspace,
            dla=dla,
            batch=None if batch is None else parse_batch(batch),
            timing_cache=timing_cache,
            version_compatible=version_compatible,
        )
        return command(plan=None if plan == PlanOptions() else plan, **others)

    for option in reversed(_OPTIONS):
        with_plan = option(with_plan)
    return with_plan


def fallback_lines(variant: Variant) -> list[str]:
    """What a plan computes elsewhere, or wider, than it was asked to."""
    told = (
        (
            "not_on_dla",
            "layers run on the GPU, which the accelerator cannot; each change costs",
        ),
        ("not_in_int8", "convs do not run in INT8, though the file says so; TensorRT chose so"),
    )
    lines = []
    for key, what in told:
        names = variant.details.get(key) or []
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            lines.append(f"{variant.name}: {len(names)} {what}: {', '.join(names[:NAMED])}{more}")
    return lines


_OPTIONS = (
    click.option(
        "--workspace",
        type=click.IntRange(min=1),
        metavar="MB",
        help="For tensorrt: scratch memory a layer may take. Default: all, on a Jetson half of "
        "what is free.",
    ),
    click.option(
        "--dla",
        type=click.IntRange(0, 1),
        help="For tensorrt: core of the Deep Learning Accelerator; what it cannot run goes to "
        "the GPU and is listed.",
    ),
    click.option(
        "--batch",
        metavar="N|A:B:C",
        help="For tensorrt, where the network leaves it open: pictures a call, or "
        "fewest:usual:most. Default: 1.",
    ),
    click.option(
        "--timing-cache",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="For tensorrt: where measured kernels are kept. Default: in edgecv's cache folder.",
    ),
    click.option(
        "--version-compatible",
        is_flag=True,
        help="For tensorrt: a plan that later versions run too; larger, and a little slower.",
    ),
)
