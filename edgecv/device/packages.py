"""Debian packages of a system, by dpkg's own list: no process is started for it."""

from __future__ import annotations

from pathlib import Path

STATUS = "var/lib/dpkg/status"


def installed_packages(root: Path = Path("/")) -> dict[str, str]:
    """Name to version of what is installed; empty on a system without dpkg."""
    try:
        text = (root / STATUS).read_text("utf-8", errors="replace")
    except OSError:
        return {}
    found: dict[str, str] = {}
    for paragraph in text.split("\n\n"):
        fields = dict(
            (name, value.strip())
            for name, colon, value in (line.partition(":") for line in paragraph.splitlines())
            if colon and not name.startswith(" ")
        )
        # a package that was removed keeps its paragraph as long as its settings are there
        if fields.get("Status", "").endswith(" installed") and "Package" in fields:
            found[fields["Package"]] = fields.get("Version", "")
    return found
