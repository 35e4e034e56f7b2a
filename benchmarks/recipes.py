"""Every recipe that makes a smaller or quicker network, on one teacher and one data set.

    python benchmarks/recipes.py --teacher WEIGHTS --data DIR --calibration PHOTOS --out DIR

Calls `edgecv compress` for each row, then prints the table of compressed.py. What is done is
reused, and what was stopped goes on, so the same command can be called again; `--only NAME` runs
some rows. Students learn for as many epochs with the teacher as without.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

TRAIN = (
    "batch=4",
    "ema=0.998",
    "augment.multiscale=0",
    "augment.scale=[0.75,1.33]",
    "augment.mosaic=0.4",
)
ALONE = ("distill.response=0", "distill.features=none")
TIME = ("prune.macs=null", "prune.latency=0.5")
SMALL = ("distill.neck=16", "distill.head_convs=1")
QUICKEST = (*SMALL, "distill.student=squeezenet1_1_s4")
# a student that still gains: it goes on behind its rounding, at a higher rate than usual
LAST = (
    "quantize.method=qat",
    "quantize.qat.response=0.2",
    "quantize.qat.train.augment.multiscale=0",
)


def rows(epochs: int, size: int, precision: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Recipe and settings by name."""
    train = (*TRAIN, f"precision={precision}")
    long = (f"epochs={epochs}", "plain_epochs=4", "validate_every=4", "lr=0.24")
    short = (f"epochs={max(1, epochs // 5)}", "plain_epochs=1", "validate_every=2", "lr=0.04")
    taught = (*_under("distill.train", *train, *long), f"distill.train.input_size={size}")
    pruned = (*_under("prune.train", *train, *short), "prune.steps=2")
    learnt = (f"quantize.qat.train.epochs={max(1, epochs // 8)}", "quantize.qat.train.batch=8")
    last = _under("quantize.qat.train", f"epochs={max(1, epochs // 5)}", "batch=8", "lr=0.03")
    last += (f"quantize.qat.train.precision={precision}", *LAST)
    return {
        "teacher": ("yolo_int8", ()),
        "qat": ("yolo_qat", learnt),
        "pruned-macs": ("yolo_pruned_int8", pruned),
        "pruned-time": ("yolo_pruned_int8", (*pruned, *TIME)),
        "mobilenet": ("mobilenet_student_int8", taught),
        "mobilenet-alone": ("mobilenet_student_int8", (*taught, *ALONE)),
        "squeezenet": ("squeezenet_student_int8", taught),
        "squeezenet-alone": ("squeezenet_student_int8", (*taught, *ALONE)),
        "squeezenet-small": ("squeezenet_student_int8", (*taught, *SMALL)),
        "squeezenet-quickest": ("squeezenet_student_int8", (*taught, *QUICKEST, *last)),
    }


def _under(section: str, *settings: str) -> tuple[str, ...]:
    return tuple(f"{section}.{setting}" for setting in settings)


@click.command(help=__doc__)
@click.option("--teacher", required=True, type=click.Path(path_type=Path), help="Its weights.")
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--calibration", required=True, type=click.Path(path_type=Path), help="Photos.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of bundles.")
@click.option("--split", help="Part of the data for the table. Default: the only one, else val.")
@click.option("--epochs", default=40, show_default=True, help="Of the students.")
@click.option("--size", default=416, show_default=True, help="Side of the picture.")
@click.option("--precision", default="auto", show_default=True, help="Of the trainings.")
@click.option("--only", multiple=True, help="Name of a row, e.g. squeezenet.")
def main(
    teacher: Path,
    data: Path,
    calibration: Path,
    out: Path,
    split: str | None,
    epochs: int,
    size: int,
    precision: str,
    only: tuple[str, ...],
) -> None:
    table = rows(epochs, size, precision)
    names = [name for name in table if not only or name in only]
    for name in names:
        recipe, settings = table[name]
        inputs = ["--weights", teacher, "--data", data, "--calibration", calibration]
        changes = [word for one in settings for word in ("--set", one)]
        _run("-m", "edgecv", "compress", "--recipe", recipe, *inputs, "--out", out / name, *changes)
    words = ["--split", split] if split else []
    script = Path(__file__).with_name("compressed.py")
    _run(
        script, *(out / name for name in names), "--data", data, *words, "--out", out / "table.json"
    )


def _run(*words: str | Path) -> None:
    done = subprocess.run([sys.executable, *map(str, words)], check=False)
    # 3: a bundle that loses more than its budget is made all the same, and its row says so
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
