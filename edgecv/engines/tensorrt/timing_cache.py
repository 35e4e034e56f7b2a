"""What earlier builds measured, kept so that the next one need not: minutes on a Jetson.

The file is one line with a hash of what follows, which is TensorRT's own: some versions take a
damaged cache without a word.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from edgecv.cache import cache_folder
from edgecv.engines.tensorrt.network import Network
from edgecv.errors import UsageError
from edgecv.progress import say

_MAGIC = b"edgecv-timing/1 "


def default_cache(version: str, capability: str) -> Path:
    """The file for a version and a kind of GPU, which no other understands."""
    return cache_folder() / "tensorrt" / f"{version}-{capability}.timing"


def check_cache(path: Path | None) -> None:
    """Refuse a file that the user named where none can be, or that no build of edgecv wrote.

    Raises:
        UsageError: saying so.
    """
    if path is None:
        return
    if not path.parent.is_dir():
        raise UsageError(
            f"--timing-cache {path}: there is no folder {path.parent}. Make it, or name another"
        )
    if not path.is_file():
        return
    with path.open("rb") as stream:
        begin = stream.read(len(_MAGIC))
    if begin and begin != _MAGIC:
        raise UsageError(
            f"--timing-cache {path}: it is none of edgecv's, and would be overwritten. "
            "Name another file, which need not exist"
        )


def load_cache(made: Network, config: Any, path: Path) -> None:
    """Give the builder a cache; one that does not fit is told, and a new one begun.

    TensorRT for RTX gets none: it measures when a plan is first run.
    """
    if made.vendor.__name__ == "tensorrt_rtx":
        return
    kept, problem = _read(path)
    if kept and not _set(config, kept):
        problem = "not of this TensorRT and GPU"
        made.messages.clear()  # or they would be told as reasons of a build that fails
    if problem is not None:
        say(f"{path}: {problem}, so this build measures everything again; a new one replaces it")
        kept = b""
    if not kept:
        _set(config, b"")


def _read(path: Path) -> tuple[bytes, str | None]:
    try:
        head, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return b"", None
    except OSError as error:
        return b"", f"cannot be read ({error.strerror})"
    if head != _head(content):
        return b"", "damaged, or no timing cache of edgecv"
    return content, None


def _head(content: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(content).hexdigest().encode()


def _set(config: Any, content: bytes) -> bool:
    try:
        cache = config.create_timing_cache(content)
    except (RuntimeError, TypeError):  # newer bindings raise where older ones give None
        return False
    return cache is not None and bool(config.set_timing_cache(cache, ignore_mismatch=False))


def save_cache(made: Network, config: Any, path: Path) -> None:
    """Keep what this build measured, in one step; where that is not possible it is told."""
    cache = None if made.vendor.__name__ == "tensorrt_rtx" else config.get_timing_cache()
    if cache is None:
        return
    content = bytes(cache.serialize())
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(_head(content) + b"\n" + content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        say(f"{path}: the timing cache cannot be kept ({error.strerror}); see --timing-cache")
