"""Our INT8 files against those of stock tools: same float graph, same photos, one run.

    python benchmarks/stock_tools.py BUNDLE --calibration PHOTOS --data SET --data SET

BUNDLE is what `edgecv compress` left; its float graph goes through ONNX Runtime's and NNCF's
quantisers, then all files are scored, and timed in turns, by edgecv's engines.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click
from side_by_side import compare, print_table
from stock_files import make_stock

from edgecv.bundle import Bundle, Manifest, Variant
from edgecv.data.pictures import usable_pictures
from edgecv.engines.onnxruntime import link_or_copy
from edgecv.recipe import QuantizeSettings
from edgecv.stages.build import build_variant

FLOAT = ("onnxruntime", "openvino")


@click.command(help=__doc__)
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--calibration", type=click.Path(path_type=Path), required=True)
@click.option("--data", type=click.Path(path_type=Path), required=True, multiple=True)
@click.option("--images", default=QuantizeSettings().images, show_default=True, help="At most.")
@click.option("--queries", default=120, show_default=True, help="Timed calls of each variant.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(
    bundle: Path,
    calibration: Path,
    data: tuple[Path, ...],
    images: int,
    queries: int,
    out: Path | None,
) -> None:
    ours = Bundle.open(bundle)
    photos = usable_pictures(calibration, 8)[0][:images]
    with tempfile.TemporaryDirectory() as folder:
        work = Bundle(Path(folder), Manifest(spec=ours.spec))
        link_or_copy(ours.path("model.onnx").absolute(), work.path("model.onnx"))
        variants = [build_variant(work, engine, "fp32") for engine in FLOAT]
        variants += _linked(ours, work)
        variants += make_stock(work.path("model.onnx"), work.folder, photos, work.spec)
        work.save()
        found = compare(work, variants, data, queries)
    found |= {"model": ours.spec.name, "calibration": f"{len(photos)} of {calibration.name}"}
    print_table(found)
    if out is not None:
        out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _linked(ours: Bundle, work: Bundle) -> list[Variant]:
    """Our INT8 variants, with their files in the folder of the comparison."""
    variants = [one for one in ours.manifest.variants if one.precision == "int8"]
    for variant in variants:
        for path in ours.path(variant.file).parent.glob(f"{Path(variant.file).stem}.*"):
            target = work.path(os.fspath(path.relative_to(ours.folder)))
            target.parent.mkdir(exist_ok=True, parents=True)
            link_or_copy(path.absolute(), target)
    return variants


if __name__ == "__main__":
    main()
