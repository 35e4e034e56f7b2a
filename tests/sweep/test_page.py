from __future__ import annotations

import re
from pathlib import Path

import pytest
from chromium import Page
from made_sweep import point, sweep, variant

from edgecv.sweep import page
from edgecv.sweep.pareto import with_front
from edgecv.sweep.schema import Sweep


@pytest.fixture
def whole() -> Sweep:
    return with_front(
        sweep(
            variant(
                "0.25",
                point("openvino-int8", mAP=0.61, p90_ms=2.1, size_bytes=400_000, drop=0.06),
                point("openvino-fp32", mAP=0.62, p90_ms=5.2, size_bytes=1_500_000, drop=0.05),
                scores=((5, 0.3), (20, 0.55)),
                epochs=20,
            ),
            variant(
                "0.5",
                point("openvino-int8", mAP=0.66, p90_ms=3.4, size_bytes=900_000, drop=0.01),
                point("onnxruntime-int8", mAP=0.65, p90_ms=4.8, size_bytes=900_000, drop=0.02),
                scores=((5, 0.4), (20, 0.6)),
                epochs=20,
            ),
            variant(
                "0.75", state="stopped", reason="stopped early after epoch 5/20 with mAP 0.1000",
                scores=((5, 0.1),), epochs=20,
            ),
            variant("1.0", state="failed", reason="<script>alert(1)</script>"),
        )
    )  # fmt: skip


def sections(html: str) -> list[str]:
    return re.findall(r'<section id="(\w+)" aria-labelledby', html)


def test_the_front_the_others_the_trainings_and_what_is_missing_are_shown(whole: Sweep) -> None:
    html = page.render(whole)
    assert sections(html) == ["front", "others", "trainings", "unmeasured"]
    front = html[html.index('id="front"') : html.index('id="others"')]
    assert front.count('class="settings"') == 2
    assert '<p class="big">2 of 4 files</p>' in html
    assert "stopped early after epoch 5/20" in html
    assert "<script>" not in html
    assert f'href="variants/{whole.variants[0].name}/report.html"' in html


def test_a_sweep_of_nothing_still_has_a_page() -> None:
    html = page.render(sweep())
    assert "Nothing is measured yet" in html
    assert sections(html) == []
    assert page.chart(sweep()) is None
    assert page.curves(sweep()) is None


def test_one_point_is_enough_for_a_chart() -> None:
    html = page.render(with_front(sweep(variant("1", point(drop=0.2)))))
    assert sections(html) == ["front"]
    assert '<p class="big">1 of 1 files</p>' in html
    assert "−0.200" in html  # noqa: RUF001 - the change is the loss with its sign turned


def test_it_fits_a_phone_and_loads_nothing(whole: Sweep, browser: Page, tmp_path: Path) -> None:
    (tmp_path / "sweep.html").write_text(page.render(whole), "utf-8")
    for width in (390, 1280):
        browser.size(width)
        browser.open(f"file://{tmp_path}/sweep.html")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []
