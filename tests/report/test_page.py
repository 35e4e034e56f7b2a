from __future__ import annotations

import re
from pathlib import Path

import pytest
from chromium import Page
from made_run import CLASSES, hot, make_bundle, metrics

from edgecv.bundle import Bundle
from edgecv.report import page, shell
from edgecv.report.collect import collect, engine_samples
from edgecv.report.photos import Comparison
from edgecv.report.schema import Report

SECTIONS = ["engines", "accuracy", "speed", "size", "quantization", "parity", "photos", "method"]
STYLE = (shell.TEMPLATES / "style.css").read_text("utf-8")


@pytest.fixture
def html(bundle: Bundle, report: Report, comparison: Comparison) -> str:
    return page.render(report, engine_samples(bundle), comparison, CLASSES)


@pytest.fixture
def opened(html: str, browser: Page, tmp_path: Path) -> Page:
    (tmp_path / "report.html").write_text(html, "utf-8")
    browser.size(1280)
    browser.open(f"file://{tmp_path}/report.html")
    return browser


def sections(html: str) -> list[str]:
    return re.findall(r'<section id="(\w+)" aria-labelledby', html)


def test_the_summary_says_what_to_deploy_and_why(html: str, report: Report) -> None:
    summary = html[html.index('<section id="summary"') : html.index("<nav")]
    assert '<p class="big">openvino-int8</p>' in summary
    assert report.reason.replace("'", "&#39;") in summary
    assert "Accuracy budget met" in summary
    assert "engines/tensorrt-int8.onnx" in summary


def test_every_section_is_there_and_the_navigation_leads_to_it(html: str) -> None:
    assert sections(html) == SECTIONS
    links = re.findall(r'<li><a href="#(\w+)">', html)
    assert links == SECTIONS


@pytest.mark.parametrize(
    ("stage", "gone"),
    [
        ("quantize", {"quantization"}),
        ("evaluate", {"accuracy"}),
        ("bench", {"speed"}),
    ],
)
def test_the_section_of_a_stage_that_did_not_run_is_absent(
    tmp_path: Path, stage: str, gone: set[str]
) -> None:
    stages = metrics()
    del stages[stage]
    bundle = make_bundle(tmp_path / "b", stages)
    html = page.render(collect(bundle), engine_samples(bundle))
    assert sections(html) == [name for name in SECTIONS if name not in {*gone, "photos"}]


def test_a_bundle_with_a_model_alone_still_has_a_page(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {})
    bundle.update(variants=())
    html = page.render(collect(bundle), {})
    assert sections(html) == ["method"]
    assert "No recommendation" in html


def test_float_as_the_verdict_is_as_plain_as_int8(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", metrics(int8_ms=18.0))
    html = page.render(collect(bundle), engine_samples(bundle))
    assert '<p class="big">onnxruntime-fp32</p>' in html
    assert "INT8 is slower than float on this machine" in html


def test_a_machine_that_was_held_back_is_said_and_drawn(tmp_path: Path, browser: Page) -> None:
    bundle = make_bundle(tmp_path / "b", hot(metrics()))
    html = page.render(collect(bundle), engine_samples(bundle))
    assert "held back for 3 s while timing, by heat (gpu-throttle-alert)" in html
    assert "Power of VDD_IN" in html
    assert "at most 84 °C in tj-thermal" in html
    assert html.count('class="line held"') == 2
    (tmp_path / "hot.html").write_text(html, "utf-8")
    for width in (320, 1280):
        browser.size(width)
        browser.open(f"file://{tmp_path}/hot.html")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []


def test_a_missed_budget_is_said_in_words(tmp_path: Path) -> None:
    stages = metrics()
    stages["quantize"]["budget"]["met"] = False
    bundle = make_bundle(tmp_path / "b", stages)
    assert "Accuracy budget missed" in page.render(collect(bundle), {})


def test_what_the_rounding_of_the_files_in_16_bits_loses_is_shown(html: str) -> None:
    rows = dict(re.findall(r"<dt>(TensorRT, [^<]*)</dt><dd>([^<]*)</dd>", html))
    assert rows == {
        "TensorRT, 16 bits": "41.8 dB against float; 31 nodes stay in float32",
        "TensorRT, INT8, the rest in 16 bits": "23.9 dB against float, 25.0 dB with the rest in "
        "float32; 34 nodes stay in float32",
    }


def test_the_tensorrt_refusal_is_explained_by_node(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", metrics())
    accepted = {"accepted": True, "version": "TensorRT-RTX 1.7.1", "capabilities": ["SM80", "SM86"]}
    refused = {
        "accepted": False,
        "version": "TensorRT-RTX 1.7.1",
        "errors": [{"node": "head.conv", "op": "Conv", "reason": "no kernel"}],
    }
    bundle.update(
        variants=tuple(
            v.model_copy(update={"details": {"acceptance": refused, "acceptance_half": accepted}})
            if v.name == "tensorrt-int8"
            else v
            for v in bundle.manifest.variants
        )
    )
    html = page.render(collect(bundle), {})
    assert "Refused by the parser and builder of TensorRT-RTX 1.7.1" in html
    assert "TensorRT: tensorrt-int8, the rest in 16 bits" in html
    assert "Accepted by the parser and builder of TensorRT-RTX 1.7.1 for SM80, SM86." in html
    assert "no kernel" in html
    assert "head.<wbr>conv" in html


def test_names_from_outside_cannot_become_markup(bundle: Bundle, comparison: Comparison) -> None:
    names = ["<script>alert(1)</script>"] * len(CLASSES)
    html = page.render(collect(bundle, ("<b>",)), {}, comparison, names, ["<i>note</i>"])
    assert "<script" not in html
    assert "<i>note" not in html
    assert "&lt;b&gt;" in html


def test_nothing_on_the_page_comes_from_elsewhere(html: str) -> None:
    targets = re.findall(r'(?:href|src)="([^"]*)"', html)
    assert targets
    assert all(t.startswith(("#", "data:image/jpeg;base64,")) for t in targets)
    assert "url(" not in html
    assert "<script" not in html


def test_the_browser_test_sees_requests_and_errors(browser: Page, tmp_path: Path) -> None:
    bad = '<img src="http://127.0.0.1:9/a.png"><script>throw new Error("broken")</script>'
    (tmp_path / "bad.html").write_text(bad, "utf-8")
    browser.open(f"file://{tmp_path}/bad.html")
    assert browser.requests() == ["http://127.0.0.1:9/a.png"]
    assert any("broken" in line for line in browser.complaints())


def test_the_page_opens_without_an_error_or_a_request(opened: Page) -> None:
    assert opened.evaluate("document.title").startswith("yolox_nano: deploy openvino-int8")
    assert opened.requests() == []
    assert opened.complaints() == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(opened: Page, width: int) -> None:
    opened.size(width)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_the_photos_are_drawn_on_both_sides(opened: Page) -> None:
    areas = opened.evaluate(
        "[...document.querySelectorAll('svg.photo > image, svg.photo > use')]"
        ".map(e => e.getBoundingClientRect().width)"
    )
    assert len(areas) == 8
    assert min(areas) > 300


def test_every_drawing_and_scrolling_table_has_a_name(opened: Page) -> None:
    unnamed = opened.evaluate(
        "document.querySelectorAll('svg[role=img]:not([aria-label]), [tabindex]:not(pre)"
        ":not([aria-label])').length"
    )
    assert unnamed == 0
    assert opened.evaluate("document.documentElement.lang") == "en"


def test_the_page_prints(opened: Page) -> None:
    pdf = opened.pdf()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 3


def luminance(color: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
@pytest.mark.parametrize("name", ["ink", "soft", "fp32", "fp16", "int8", "met", "missed", "link"])
def test_text_has_enough_contrast_in_every_scheme(scheme: int, name: str) -> None:
    block = re.findall(r":root \{([^}]*)\}", STYLE)[scheme]
    colors = dict(re.findall(r"--(\w+): (#\w+)", block))
    long = {k: v if len(v) == 7 else "#" + "".join(c * 2 for c in v[1:]) for k, v in colors.items()}
    for behind in ("card", "paper"):
        high, low = sorted((luminance(long[name]), luminance(long[behind])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5
