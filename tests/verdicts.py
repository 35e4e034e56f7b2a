"""What TensorRT-RTX says of the files of a bundle."""

from __future__ import annotations

import pytest

from edgecv.bundle import Bundle
from edgecv.engines.tensorrt.acceptance import CAPABILITIES


def check_accepted(bundle: Bundle) -> None:
    """Float, INT8, and both with 16 bits are accepted for every GPU, as the page says.

    Skips the rest of a test where there is no TensorRT-RTX: call it last.
    """
    pytest.importorskip("tensorrt_rtx")
    verdicts = {
        (variant.precision, name): variant.details[name]
        for variant in bundle.manifest.variants
        for name in ("acceptance", "acceptance_half")
        if variant.engine == "tensorrt" and name in variant.details
    }
    assert sorted(verdicts) == [
        ("fp32", "acceptance"),
        ("fp32", "acceptance_half"),
        ("int8", "acceptance"),
        ("int8", "acceptance_half"),
    ]
    for verdict in verdicts.values():
        assert verdict["accepted"] is True, verdict
        assert verdict["capabilities"] == list(CAPABILITIES)
    page = " ".join(bundle.path("report.html").read_text("utf-8").split())
    told = f"Accepted by the parser and builder of {verdict['version']} for SM80, SM86, SM89, SM120"
    assert page.count(told) == len(verdicts)
