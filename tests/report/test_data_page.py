from __future__ import annotations

from pathlib import Path

import pytest
from chromium import Page
from made_data import write_coco

from edgecv.data.check import check
from edgecv.data.check.page import render


@pytest.mark.parametrize("width", [1280, 420])
def test_the_page_of_a_data_check_loads_nothing_and_fits_the_window(
    browser: Page, tmp_path: Path, width: int
) -> None:
    for split in ("train", "val"):
        boxes = {f"{split} {i}.png": [(0, (5, 5, 30, 20))] for i in range(3)}
        write_coco(tmp_path, boxes, split)
    page = tmp_path / "page.html"
    page.write_text(render(check(tmp_path)), "utf-8")

    browser.size(width)
    browser.open(f"file://{page}")

    assert browser.complaints() == []
    assert browser.requests() == []
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert browser.evaluate("document.querySelectorAll('svg.photo').length") == 6
