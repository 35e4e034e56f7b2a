from __future__ import annotations

import re
from pathlib import Path

import pytest
from chromium import Page
from made_training import PARTS, make_trained

from edgecv.bundle import Bundle
from edgecv.report import training
from edgecv.report.training import page
from edgecv.report.training.collect import WORST, collect

SECTIONS = ["curves", "classes", "confusion", "worst", "data", "settings", "made"]
MANY = tuple(f"class of a long name {index}" for index in range(80))


def html_of(bundle: Bundle) -> str:
    return page.render(collect(bundle), bundle.path(WORST))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = make_trained(tmp_path_factory.mktemp("few") / "bundle")
    training.write(bundle)
    return bundle.path("training.html")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = make_trained(tmp_path_factory.mktemp("many") / "bundle", MANY, epochs=300)
    training.write(bundle)
    return bundle.path("training.html")


def test_three_files_say_the_same(few: Path) -> None:
    assert {path.name for path in few.parent.glob("training.*")} == {
        *("training.html", "training.json", "training.md")
    }
    report = collect(Bundle.open(few.parent))
    assert f'<p class="big">mAP {report.score.mAP:.3f}</p>' in few.read_text("utf-8")
    assert f'"mAP": {report.score.mAP}' in few.with_suffix(".json").read_text("utf-8")


def test_every_section_is_there_and_the_navigation_leads_to_it(few: Path) -> None:
    html = few.read_text("utf-8")
    assert re.findall(r'<section id="(\w+)" aria-labelledby', html) == SECTIONS
    assert re.findall(r'<li><a href="#(\w+)">', html) == SECTIONS


def test_without_a_mistake_there_are_no_worst_pictures(tmp_path: Path) -> None:
    html = html_of(make_trained(tmp_path / "b", worst=0))
    assert '<section id="worst"' not in html


def test_all_of_eighty_classes_are_on_the_page(many: Path) -> None:
    html = many.read_text("utf-8")
    classes = html[html.index('id="classes"') : html.index('id="confusion"')]
    confusion = html[html.index('id="confusion"') : html.index('id="worst"')]
    for name in MANY:
        assert classes.count(f'<th scope="row">{name}</th>') == 1
        assert f'<th scope="row">{name}</th>' in confusion
    assert "The whole matrix of 80 classes" in confusion


def test_the_matrix_on_the_page_is_that_of_the_report(few: Path) -> None:
    html = few.read_text("utf-8")
    table = html[html.index('<table class="matrix') :].partition("</table>")[0]
    rows = [re.findall(r"<td[^>]*>(\d*)</td>", row) for row in table.split("<tr")[2:]]
    expected = collect(Bundle.open(few.parent)).mistakes.confusion
    assert [[int(cell or 0) for cell in row] for row in rows] == [list(row) for row in expected]


def test_names_from_outside_cannot_become_markup(tmp_path: Path) -> None:
    html = html_of(make_trained(tmp_path / "b", ("<script>alert(1)</script>", *PARTS)))
    assert "<script" not in html
    assert "&lt;script" in html


def test_nothing_on_the_page_comes_from_elsewhere(few: Path) -> None:
    html = few.read_text("utf-8")
    targets = re.findall(r'(?:href|src)="([^"]*)"', html)
    assert targets
    assert all(t.startswith(("#", "data:image/jpeg;base64,")) for t in targets)


@pytest.mark.parametrize("made", ["few", "many"])
def test_it_opens_without_an_error_or_a_request_and_never_scrolls_sideways(
    browser: Page, made: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(made)
    browser.size(1280)
    browser.open(f"file://{path}")
    assert browser.complaints() == []
    assert browser.requests() == []
    browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    for width in (320, 390, 768, 1280):
        browser.size(width)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_the_pictures_are_drawn_on_both_sides(browser: Page, few: Path) -> None:
    browser.size(1280)
    browser.open(f"file://{few}")
    areas = browser.evaluate(
        "[...document.querySelectorAll('svg.photo > image, svg.photo > use')]"
        ".map(e => e.getBoundingClientRect().width)"
    )
    assert len(areas) == 6
    assert min(areas) > 300


def test_every_drawing_and_scrolling_table_has_a_name(browser: Page, many: Path) -> None:
    browser.size(1280)
    browser.open(f"file://{many}")
    unnamed = browser.evaluate(
        "document.querySelectorAll('svg[role=img]:not([aria-label]), [tabindex]:not(pre)"
        ":not([aria-label])').length"
    )
    assert unnamed == 0


def test_it_prints(browser: Page, few: Path) -> None:
    browser.open(f"file://{few}")
    assert len(re.findall(rb"/Type\s*/Page\b", browser.pdf())) >= 3
