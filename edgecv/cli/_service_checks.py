"""What `edgecv run` would refuse, refused before it is a service that fails again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgecv.bundle import Bundle
from edgecv.cli._run_addresses import REFERENCE, sources_of
from edgecv.cli._run_choices import choices_of
from edgecv.cli._run_parts import Asked
from edgecv.cli._run_sinks import Outputs, check_outputs
from edgecv.cli._run_watching import counting_of
from edgecv.cli._service_secrets import names_in
from edgecv.errors import UsageError
from edgecv.runtime.listening import parse_address
from edgecv.runtime.live.access import VARIABLE
from edgecv.runtime.sinks._broker import parse_broker
from edgecv.runtime.sources import Source


class _AnyName(tuple[str, ...]):
    """Names of streams that are not known before they are there: each may be one."""

    def __contains__(self, name: object) -> bool:
        return True


def check_run(bundle: Bundle, given: Mapping[str, Any]) -> None:
    """Check the options of `edgecv run` as it does itself before it opens a camera.

    Args:
        bundle: open.
        given: the options, as click understood them.

    Raises:
        UsageError: one that is wrong, or does not go with another.
        BundleError: no such engine, or none that runs here.
    """
    if given["show"]:
        raise UsageError("--show: a service has no window. Take --serve")
    asked = Asked(**{one.name: given[one.name] for one in fields(Asked)})
    chosen = choices_of(bundle, asked)
    found, later = _sources(given["sources"])
    outputs = Outputs(*(given[one.name] for one in fields(Outputs)))
    check_outputs(outputs, found, given["as_json"])
    streams = _AnyName() if later else tuple(source.name for source in found)
    counting_of(given["zones"], chosen.settings.tracker, streams, bundle.spec.class_names)
    for option in ("serve", "metrics"):
        if given[option] is not None:
            parse_address(f"--{option}", given[option])
    if given["mqtt"] is not None and not REFERENCE.search(given["mqtt"]):
        parse_broker(given["mqtt"])


def notes_on(given: Mapping[str, Any], environment: Path) -> list[str]:
    """What is still missing before the service can run, a line each."""
    needed = {name for text in (*given["sources"], given["mqtt"] or "") for name in _names(text)}
    if given["serve"] is not None and not parse_address("--serve", given["serve"]).loopback:
        needed.add(VARIABLE)
    lines = [
        f"{environment}: has to have a line {name}=VALUE, mode 600, before the service starts"
        for name in sorted(needed - names_in(environment))
    ]
    absent = [device for text in given["sources"] if (device := _absent(text)) is not None]
    return lines + [
        f"{device}: not here now; the service tries again until it is" for device in absent
    ]


def _sources(texts: tuple[str, ...]) -> tuple[list[Source], list[str]]:
    """Those that can be looked at now, and the texts of the others."""
    later = [text for text in texts if _names(text) or _absent(text) is not None]
    now = [text for text in texts if text not in later]
    return sources_of(now) if now else [], later


def _names(text: str) -> list[str]:
    return REFERENCE.findall(text)


def _absent(text: str) -> Path | None:
    """The device of a camera that is not plugged in: it may come later."""
    if text.isdigit() and not Path(text).exists():
        text = f"v4l2:///dev/video{text}"
    device = Path(urlsplit(text).path or "/dev/video0") if text.startswith("v4l2:") else None
    return None if device is None or device.exists() else device
