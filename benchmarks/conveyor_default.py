"""Put a trained conveyor detector into the package, and write its card from what it scores.

    python benchmarks/conveyor_default.py TRAINED...

TRAINED is what `edgecv train --recipe conveyor` left; of several, each went on from the weights of
the one before. The last one's weights go to edgecv/weights as float16; then `edgecv compress
--recipe yolo_int8` runs on them as on any machine, and the card quotes its report.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from edgecv.bundle import Bundle
from edgecv.models.checkpoint import About, read_checkpoint, write_checkpoint
from edgecv.models.download import EMBEDDED_FILE
from edgecv.stages.load import WEIGHTS

CARD = EMBEDDED_FILE.with_suffix(".md")
TEMPLATE = Path(__file__).with_name("conveyor_card.txt")


@click.command(help=__doc__)
@click.argument(
    "trained", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False)
)
def main(trained: tuple[Path, ...]) -> None:
    bundles = [Bundle.open(folder) for folder in trained]
    bundle = bundles[-1]
    spec = bundle.spec
    state = read_checkpoint(bundle.path(WEIGHTS))
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    EMBEDDED_FILE.parent.mkdir(exist_ok=True)
    write_checkpoint(EMBEDDED_FILE, halves, About(spec.class_names, spec.input.width))
    report = _compressed()
    metrics = bundle.metrics("train")
    histories = [_history(one) for one in bundles]
    environment = bundle.manifest.history[-1].environment
    float_one = next(v for v in report["variants"] if v["precision"] == "fp32")
    by_class = float_one["accuracy"]["per_class"]
    card = TEMPLATE.read_text("utf-8").format(
        size=spec.input.width,
        parameters=sum(v.numel() for k, v in state.items() if "running" not in k) / 1e6,
        megabytes=EMBEDDED_FILE.stat().st_size / 1e6,
        classes=", ".join(f"{name}s" for name in spec.class_names[:-1])
        + f" and {spec.class_names[-1]}s",
        train_images=metrics["train"]["images"],
        val_images=metrics["val"]["images"],
        epochs=" + ".join(str(rows[-1]["epoch"]) for rows in histories),
        hours=sum(row["seconds"] for rows in histories for row in rows) / 3600,
        device=metrics["device"],
        machine=environment.get("cpu", "a machine"),
        val_map=max(row.get("mAP", 0) for row in histories[-1]),
        images=report["data"]["images"],
        boxes=report["data"]["boxes"],
        rows="\n".join(_row(variant) for variant in report["variants"]),
        per_class=", ".join(f"{name} {value:.3f}" for name, value in by_class.items()),
    )
    CARD.write_text(card, "utf-8")
    click.echo(card)


def _history(bundle: Bundle) -> list[dict[str, Any]]:
    lines = bundle.path("training/history.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _compressed() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "edgecv", "compress", "--recipe", "yolo_int8", "--out", folder],
            check=True,
        )
        report: dict[str, Any] = json.loads((Path(folder) / "report.json").read_text("utf-8"))
        return report


def _row(variant: dict[str, Any]) -> str:
    score = variant["accuracy"]
    low, high = score["interval"]
    scores = f"{score['mAP']:.3f} | {score['mAP50']:.3f} | {low:.3f} to {high:.3f}"
    return f"| {variant['name']} | {scores} |"


if __name__ == "__main__":
    main()
