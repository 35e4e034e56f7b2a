"""Fetch weights that were asked for by name or URL: once, resumably, into a cache, and checked."""

from __future__ import annotations

import fcntl
import hashlib
import os
import ssl
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from edgecv.bundle import sha256_of
from edgecv.cache import cache_folder
from edgecv.errors import WeightsError
from edgecv.models.transfer import FinalError, transfer

RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"

# the authors publish no sha256 of these
OFFICIAL = {
    name: f"{RELEASE}/{name}.pth" for name in ("yolox_nano", "yolox_tiny", "yolox_s", "yolox_m")
}

# comes with edgecv, weights/conveyor.md is its card
EMBEDDED = "conveyor"
EMBEDDED_FILE = Path(__file__).parents[1] / "weights" / f"{EMBEDDED}.safetensors"

FIRST_PAUSE_S = 0.5
PASSING_ERRORS = (
    urllib.error.URLError,
    HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)

Check = Callable[[Path], None]


def is_embedded(weights: str | None) -> bool:
    """Whether a name of weights means those that come with edgecv."""
    return weights == EMBEDDED and not Path(EMBEDDED).is_file()


def is_url(weights: str) -> bool:
    return weights.startswith(("http://", "https://"))


def fetch(url: str, check: Check, *, timeout_s: float = 20, attempts: int = 4) -> Path:
    """The file of a URL, from the cache or fetched into it.

    What was cut off is resumed where it stopped, if the server shows that the file is the same.

    Args:
        url: http or https; a fragment `#sha256=<64 hex digits>` says what the file must be.
        check: raises WeightsError on a file that is not what weights look like. It then leaves
            the cache.
        timeout_s: longest silence of the server.
        attempts: tries in all; the pause between them doubles.

    Raises:
        WeightsError: no network, the server refuses, the file is not what it should be, or there
            is no room for it.
    """
    address, digest = _split(url)
    final = _cached_name(address)
    partial = final.with_name(f"{final.stem}.part{final.suffix}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with _alone(final):
            if final.is_file() and (digest is None or sha256_of(final) == digest):
                return final
            _download(address, partial, timeout_s, attempts)
            _verify(address, partial, digest, check)
            os.replace(partial, final)
    except OSError as error:
        raise WeightsError(
            f"{final.parent}: cannot keep what is fetched from {address} there: {error}. "
            "Make room, or choose another folder with EDGECV_CACHE"
        ) from error
    return final


def _split(url: str) -> tuple[str, str | None]:
    address, _, fragment = url.partition("#")
    if not fragment:
        return address, None
    key, _, digest = fragment.partition("=")
    digest = digest.lower()
    if key != "sha256" or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise WeightsError(f"{url}: after '#' expected sha256= and 64 hex digits")
    return address, digest


def _cached_name(address: str) -> Path:
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(address).path)).name or "weights"
    # two addresses may end in the same name
    mark = hashlib.sha256(address.encode()).hexdigest()[:10]
    return cache_folder() / "weights" / f"{Path(name).stem}-{mark}{Path(name).suffix}"


@contextmanager
def _alone(final: Path) -> Iterator[None]:
    with final.with_name(f".{final.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WeightsError(
                f"{final}: another edgecv is fetching it now; wait for it, then call again"
            ) from error
        yield


def _download(address: str, partial: Path, timeout_s: float, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        try:
            transfer(address, partial, timeout_s)
            return
        except FinalError as error:
            raise WeightsError(f"{address}: {error}") from error
        except PASSING_ERRORS as error:
            if attempt == attempts:
                raise WeightsError(
                    f"{address}: not fetched in {attempts} attempts ({_reason(error)}). Is there a "
                    "network? What came is kept, and the next call goes on from it; or fetch the "
                    "file elsewhere and give its path to --weights"
                ) from error
            time.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))


def _verify(address: str, partial: Path, digest: str | None, check: Check) -> None:
    found = sha256_of(partial)
    try:
        if digest is not None and found != digest:
            raise WeightsError(
                f"{address}: the file has sha256 {found}, expected {digest}: it was changed "
                "or damaged on its way, and was thrown away. Check the sha256 at its source"
            )
        check(partial)
    except WeightsError as error:
        size = partial.stat().st_size
        partial.unlink()
        raise WeightsError(
            f"{address}: fetched {size} bytes that are not usable and not kept: {error}"
            if digest is None
            else str(error)
        ) from error


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None) or error
    return str(inner) or type(inner).__name__
