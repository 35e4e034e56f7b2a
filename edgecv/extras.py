"""Packages that an extra of edgecv brings: imported where they are needed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from edgecv.errors import MissingExtraError


def imported(package: str, extra: str, reason: str) -> ModuleType:
    """A package that may not be there.

    Args:
        package: its name in an import.
        extra: of edgecv, that brings it.
        reason: what needs it, as the start of the message.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingExtraError(package, extra, reason) from error
