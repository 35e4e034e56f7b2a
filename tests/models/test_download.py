from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edgecv.cache import cache_folder
from edgecv.errors import WeightsError
from edgecv.models import download
from edgecv.models.download import OFFICIAL, fetch, is_url
from edgecv.models.yolox import VARIANTS

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Site:
    """What the server does, and what it was asked.

    Attributes:
        content: bytes of the one file.
        tag: its ETag, None for none.
        cuts: of the answers to come, how many bytes each sends before the line breaks.
        statuses: of the answers to come, errors instead of the file.
        ranges: the Range header of each request.
        stall_s: pause before the answer.
    """

    def __init__(self) -> None:
        self.content = CONTENT
        self.tag: str | None = '"one"'
        self.cuts: list[int] = []
        self.statuses: list[int] = []
        self.ranges: list[str | None] = []
        self.stall_s = 0.0
        self.url = ""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        wanted = self.headers.get("Range")
        site.ranges.append(wanted)
        time.sleep(site.stall_s)
        if site.statuses:
            self.send_error(site.statuses.pop(0))
            return
        start = 0
        if wanted and site.tag and self.headers.get("If-Range") == site.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(site.content):
                self.send_error(416)
                return
            self.send_response(206)
            end = len(site.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(site.content)}")
        else:
            self.send_response(200)
        if site.tag:
            self.send_header("ETag", site.tag)
        body = site.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: site.cuts.pop(0)] if site.cuts else body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "FIRST_PAUSE_S", 0.001)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.site = Site()  # type: ignore[attr-defined]
    server.site.url = f"http://127.0.0.1:{server.server_port}/w/net.pth"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.site  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def anything(_: Path) -> None:
    pass


def must_be_content(path: Path) -> None:
    if path.read_bytes() != CONTENT:
        raise WeightsError(f"{path}: not a checkpoint")


def kept() -> list[str]:
    """Names in the cache, without the locks."""
    files = (cache_folder() / "weights").iterdir()
    return sorted(path.name for path in files if not path.name.startswith("."))


def test_a_file_is_fetched_once_and_then_comes_from_the_cache(site: Site) -> None:
    path = fetch(site.url, must_be_content)
    assert path.read_bytes() == CONTENT
    assert path.suffix == ".pth"
    assert fetch(site.url, anything) == path
    assert len(site.ranges) == 1
    assert kept() == [path.name]


def test_what_was_cut_off_is_resumed_where_it_stopped(site: Site) -> None:
    site.cuts = [300_000, 200_000]
    assert fetch(site.url, anything).read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_call_resumes_what_an_earlier_one_left(site: Site) -> None:
    site.cuts = [300_000]
    with pytest.raises(WeightsError, match="the next call goes on from it"):
        fetch(site.url, anything, attempts=1)
    assert fetch(site.url, anything).read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=300000-"]


def test_a_file_that_changed_meanwhile_is_not_spliced(site: Site) -> None:
    site.cuts = [300_000]
    with pytest.raises(WeightsError):
        fetch(site.url, anything, attempts=1)
    site.content, site.tag = CONTENT[::-1], '"two"'
    assert fetch(site.url, anything).read_bytes() == CONTENT[::-1]


def test_without_an_etag_it_begins_again(site: Site) -> None:
    site.tag, site.cuts = None, [300_000]
    assert fetch(site.url, anything).read_bytes() == CONTENT
    assert site.ranges == [None, None]


def test_a_rest_longer_than_the_file_is_thrown_away(site: Site) -> None:
    site.cuts = [300_000]
    with pytest.raises(WeightsError):
        fetch(site.url, anything, attempts=1)
    site.content = CONTENT[:1000]
    assert fetch(site.url, anything).read_bytes() == CONTENT[:1000]


def test_the_right_sha256_is_accepted(site: Site) -> None:
    assert fetch(f"{site.url}#sha256={DIGEST}", anything).read_bytes() == CONTENT


def test_a_wrong_sha256_is_refused_and_nothing_is_kept(site: Site) -> None:
    with pytest.raises(WeightsError, match=rf"sha256 {DIGEST}, expected {'0' * 64}"):
        fetch(f"{site.url}#sha256={'0' * 64}", anything)
    assert kept() == []


def test_a_cached_file_of_another_sha256_is_fetched_again(site: Site) -> None:
    path = fetch(site.url, anything)
    path.write_bytes(b"changed")
    assert fetch(f"{site.url}#sha256={DIGEST}", anything).read_bytes() == CONTENT


@pytest.mark.parametrize("fragment", ["md5=0", "sha256=12", f"sha256={'g' * 64}", "x"])
def test_a_fragment_that_is_no_sha256_is_refused(site: Site, fragment: str) -> None:
    with pytest.raises(WeightsError, match="expected sha256="):
        fetch(f"{site.url}#{fragment}", anything)
    assert site.ranges == []


@pytest.mark.parametrize("content", [b"<html>sign in</html>", b"", CONTENT[:5000]])
def test_what_is_no_checkpoint_does_not_stay_in_the_cache(site: Site, content: bytes) -> None:
    site.content = content
    with pytest.raises(WeightsError, match=f"{len(content)} bytes that are not usable"):
        fetch(site.url, must_be_content)
    assert kept() == []


def test_not_found_is_final(site: Site) -> None:
    site.statuses = [404]
    with pytest.raises(WeightsError, match="the server answers 404"):
        fetch(site.url, anything)
    assert len(site.ranges) == 1


def test_a_server_that_is_busy_is_asked_again(site: Site) -> None:
    site.statuses = [503, 429]
    assert fetch(site.url, anything).read_bytes() == CONTENT
    assert len(site.ranges) == 3


def test_a_server_that_stays_busy_is_given_up(site: Site) -> None:
    site.statuses = [503] * 3
    with pytest.raises(WeightsError, match=r"not fetched in 3 attempts \(.*Unavailable"):
        fetch(site.url, anything, attempts=3)


def test_a_server_that_hangs_is_given_up(site: Site) -> None:
    site.stall_s = 0.5
    with pytest.raises(WeightsError, match=r"not fetched in 1 attempts \(timed out"):
        fetch(site.url, anything, attempts=1, timeout_s=0.05)


def test_no_network_says_so(site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/net.pth"
    with pytest.raises(WeightsError, match=r"Connection refused.*Is there a network\?"):
        fetch(url, anything, attempts=2)


def test_two_at_once_do_not_write_the_same_file(site: Site) -> None:
    site.stall_s = 0.4
    first = threading.Thread(target=fetch, args=(site.url, anything))
    first.start()
    while not site.ranges:
        time.sleep(0.01)
    with pytest.raises(WeightsError, match="another edgecv is fetching it"):
        fetch(site.url, anything)
    first.join()
    assert fetch(site.url, anything).read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_is_named(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"file/weights: cannot keep .* EDGECV_CACHE"):
        fetch(site.url, anything)


def test_the_same_name_at_two_addresses_is_two_files(site: Site) -> None:
    assert fetch(site.url, anything) != fetch(site.url.replace("/w/", "/v/"), anything)


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGECV_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/edgecv")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "edgecv"
    monkeypatch.setenv("EDGECV_CACHE", "/e")
    assert cache_folder() == Path("/e")


def test_official_names_are_those_of_the_variants() -> None:
    assert list(OFFICIAL) == list(VARIANTS)
    assert all(is_url(url) and url.endswith(f"/{name}.pth") for name, url in OFFICIAL.items())


@pytest.mark.parametrize("text", ["yolox_nano", "file:///x.pth", "ftp://x/y.pth", "w.pth", ""])
def test_only_http_addresses_are_urls(text: str) -> None:
    assert not is_url(text)
