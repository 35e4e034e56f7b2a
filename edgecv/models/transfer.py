"""One HTTP transfer into a file, going on from what an earlier one left."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPResponse, IncompleteRead
from pathlib import Path

from edgecv.progress import byte_bar

PIECE = 1 << 16

# the server may answer otherwise in a moment; any other refusal is its last word
PASSING = (408, 425, 429, 500, 502, 503, 504)


class FinalError(Exception):
    """An answer that another attempt would get again."""


def transfer(address: str, partial: Path, timeout_s: float) -> None:
    """Fetch the rest of `partial`, or all of it where the server cannot prove it is the same file.

    Beside it, `<partial>.json` remembers what identifies the file at the server.

    Raises:
        FinalError: the server refuses.
        URLError, HTTPException, ConnectionError, TimeoutError: it may work next time.
        OSError: the file cannot be written.
    """
    marker = partial.with_name(f"{partial.name}.json")
    request = urllib.request.Request(address, headers=_headers(partial, marker))  # noqa: S310 (http or https, see is_url)
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310
    except urllib.error.HTTPError as error:
        with error:
            _refused(error, partial)
        raise
    with response:
        start = _start(response, partial)
        marker.write_text(json.dumps({"validator": _validator(response)}), "utf-8")
        _append(response, partial, start)
    marker.unlink()


def _headers(partial: Path, marker: Path) -> dict[str, str]:
    # compressed by the server, a range would count other bytes
    headers = {"User-Agent": "edgecv", "Accept-Encoding": "identity"}
    have = partial.stat().st_size if partial.is_file() else 0
    validator = _remembered(marker)
    if have and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    return headers


def _remembered(marker: Path) -> str | None:
    try:
        found = json.loads(marker.read_text("utf-8"))["validator"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def _validator(response: HTTPResponse) -> str | None:
    """What If-Range takes: a strong ETag, else the time of the last change."""
    tag = response.headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")


def _refused(error: urllib.error.HTTPError, partial: Path) -> None:
    if error.code == 416:
        # what is here is longer than the file there, so it is another file: begin again
        partial.unlink(missing_ok=True)
    elif error.code not in PASSING:
        raise FinalError(
            f"the server answers {error.code} {error.reason}; check the address, or fetch the "
            "file elsewhere and give its path to --weights"
        ) from error


def _start(response: HTTPResponse, partial: Path) -> int:
    """Where the answer's bytes belong in the file."""
    if response.status != 206:
        return 0
    have = partial.stat().st_size
    if not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
        partial.unlink()
        raise IncompleteRead(b"")
    return have


def _append(response: HTTPResponse, partial: Path, start: int) -> None:
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    with (
        partial.open("ab" if start else "wb") as stream,
        byte_bar(f"fetch {partial.stem}", total, start) as step,
    ):
        done = start
        # read1 hands over what came: a line that breaks loses nothing
        while piece := response.read1(PIECE):
            stream.write(piece)
            step(len(piece))
            done += len(piece)
    if total is not None and done < total:
        raise IncompleteRead(b"", total - done)
