"""What can go wrong, and the exit status that each kind ends the command with.

EdgecvError                 1  the work failed
├── UsageError              2  what was asked for cannot be done as asked
│   ├── RecipeError         2  a recipe: unknown, unreadable, or wrong settings
│   ├── DataError           2  pictures or ground truth
│   ├── WeightsError        2  a checkpoint: missing, damaged, or of another architecture
│   ├── ModelError          2  a graph that cannot be loaded, decoded or exported
│   ├── BundleError         2  a bundle: missing, foreign, changed, or in use
│   └── MissingExtraError   2  a package that this command needs is not installed
├── EngineError             1  an engine refused to build, load or run
└── BudgetMissedError       3  done, but an accuracy or latency budget does not hold

A message says where, what was found, what was expected, and what to do next.
"""

from __future__ import annotations


class EdgecvError(Exception):
    """Any failure that the command line prints as one message, without a traceback."""

    exit_status = 1


class UsageError(EdgecvError):
    exit_status = 2


class RecipeError(UsageError):
    pass


class DataError(UsageError):
    pass


class WeightsError(UsageError):
    pass


class ModelError(UsageError):
    pass


class BundleError(UsageError):
    pass


class MissingExtraError(UsageError):
    """A package is missing.

    Args:
        package: the import that failed.
        extra: the extra of edgecv that brings it.
        reason: what needs it, as the start of the message.
        install: the command, where it is another than that of the extra.
    """

    def __init__(self, package: str, extra: str, reason: str, install: str | None = None) -> None:
        super().__init__(
            f"{reason} needs the package '{package}', which is not installed. "
            f"Install it: {install or pip_line(extra)}"
        )


def pip_line(extra: str) -> str:
    """The command that installs an extra, from where this edgecv came, for the Python it runs in.

    Source: PEP 610, for where it came from.
    """
    # of use in a failure alone, and a tenth of the command line's start
    import json
    import shlex
    from importlib import metadata
    from pathlib import Path
    from urllib.parse import unquote, urlsplit

    install, wanted = f"{pip()} install", f"edgecv[{extra}]"
    try:
        origin = json.loads(metadata.distribution("edgecv").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        origin = {}
    folder = unquote(urlsplit(origin.get("url", "")).path)
    if "dir_info" not in origin or not Path(folder).is_dir():
        return f"{install} '{wanted}'"
    kind = "-e " if origin["dir_info"].get("editable") else ""
    return f"{install} {kind}{shlex.quote(f'{folder}[{extra}]')}"


def pip() -> str:
    """The pip of the environment of this Python, which need not be the shell's."""
    import shlex
    import sys

    return f"{shlex.quote(sys.executable)} -m pip"


class EngineError(EdgecvError):
    pass


class BudgetMissedError(EdgecvError):
    exit_status = 3
