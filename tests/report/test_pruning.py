from __future__ import annotations

from pathlib import Path
from typing import Any

from made_run import make_bundle, metrics

from edgecv.report.collect import collect
from edgecv.report.markdown import render as as_markdown
from edgecv.report.page import render
from edgecv.report.pruning import most_sensitive, pruning, sensitivity
from edgecv.report.schema import Report


def pruned(latency: bool = False) -> dict[str, Any]:
    """What the stage prune records of a network of three layers."""
    times = {"original_ms": 12.0, "ms": 8.5} if latency else {}
    steps = [
        {"goal": goal, "predicted": goal, "share": goal + 0.01, "macs": 300, "parameters": 30,
         "mAP_cut": 0.1, "mAP": 0.24, "tries": 1, **times}
        for goal in (0.7, 0.5)
    ]  # fmt: skip
    return {
        "unit": "time" if latency else "MACs", "keep": 0.5, "share": 0.51,
        **({"engine": {"name": "openvino", "threads": 2}} if latency else {}),
        "before": {"macs": 600_000_000, "parameters": 910_000, "mAP": 0.251},
        "after": {"macs": 300_000_000, "parameters": 450_000, "mAP": 0.243},
        "steps": steps,
        "widths": {"stem": [16, 8], "dark2": [32, 32], "head <x>": [64, 24]},
        "sensitivity": {
            "loss": 3.0, "ratios": [0.25, 0.5, 0.75],
            "groups": [
                {"group": "stem", "width": 16, "losses": [4.0, 6.0, 9.0]},
                {"group": "dark2", "width": 32, "losses": [3.1, 3.2, 3.9]},
                {"group": "head <x>", "width": 64, "losses": [3.0, 3.0, 3.1]},
            ],
        },
        "summary": "",
    }  # fmt: skip


def report_of(folder: Path, found: dict[str, Any]) -> Report:
    return collect(make_bundle(folder, {**metrics(), "prune": found}))


def test_the_report_holds_what_the_stage_recorded(tmp_path: Path) -> None:
    report = report_of(tmp_path / "bundle", pruned(latency=True))
    found = report.pruning
    assert found is not None
    assert (found.unit, found.engine, found.keep, found.share) == ("time", "openvino", 0.5, 0.51)
    assert [(layer.before, layer.after) for layer in found.layers] == [(16, 8), (32, 32), (64, 24)]
    assert found.steps[1].ms == 8.5
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_without_the_stage_there_is_no_section(tmp_path: Path) -> None:
    report = collect(make_bundle(tmp_path / "bundle", metrics()))
    assert report.pruning is None
    assert pruning({}) is None
    assert sensitivity(None) is None
    assert 'id="pruning"' not in render(report, {})


def test_the_page_shows_steps_layers_and_the_chart(tmp_path: Path) -> None:
    page = render(report_of(tmp_path / "bundle", pruned(latency=True)), {})
    assert 'id="pruning"' in page
    assert "50% of the time of a call of openvino" in page
    assert page.count('class="line layer"') + page.count('class="line most"') == 3
    assert "It rises most for stem, dark2, head &lt;x&gt;" in page
    assert "head &lt;x&gt;</code>" in page
    assert "8.50" in page


def test_the_most_sensitive_layer_comes_first() -> None:
    found = pruning(pruned())
    assert found is not None
    assert [layer.name for layer in most_sensitive(found)] == ["stem", "dark2", "head <x>"]


def test_a_pruning_without_pictures_has_neither_scores_nor_a_chart(tmp_path: Path) -> None:
    bare = pruned() | {"sensitivity": None}
    for part in (bare["before"], bare["after"]):
        part["mAP"] = None
    for step in bare["steps"]:
        step |= {"mAP": None, "mAP_cut": None}
    report = report_of(tmp_path / "bundle", bare)
    assert sensitivity(report.pruning) is None
    page = render(report, {})
    assert 'class="line layer"' not in page
    assert "All 3 layers" in page


def test_the_text_says_what_was_saved_and_lost(tmp_path: Path) -> None:
    told = as_markdown(report_of(tmp_path / "bundle", pruned()))
    assert (
        "Pruned to 51% of the MACs (600 to 300 M MACs, 0.91 to 0.45 M parameters): "
        "mAP on val 0.251 to 0.243." in told
    )
