from __future__ import annotations

import pytest

from edgecv.errors import UsageError
from edgecv.runtime.sinks import window
from edgecv.runtime.sinks.window import Window


def test_an_opencv_without_windows_says_what_to_do() -> None:
    if window._toolkit() != "NONE":
        pytest.skip(f"this OpenCV draws windows with {window._toolkit()}")
    with pytest.raises(UsageError, match=r"no windows \(opencv-python-headless\).*--save FILE"):
        Window(("nut",), lambda: None)


def test_a_machine_without_a_screen_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "_toolkit", lambda: "QT5")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no screen here"):
        Window(("nut",), lambda: None)
