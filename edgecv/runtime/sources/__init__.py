"""Where frames come from: one file a kind, found by the look of an address."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from edgecv.errors import DataError, UsageError
from edgecv.runtime.sources._capture import Capture, Shot, Source

__all__ = ["SCHEMES", "STREAMS_MAX", "Capture", "Shot", "Source", "find_sources"]

# what stands before the colon -> what makes sources of an address
SCHEMES = {
    "rtsp": "edgecv.runtime.sources.rtsp:find",
    "rtsps": "edgecv.runtime.sources.rtsp:find",
    "v4l2": "edgecv.runtime.sources.camera:find",
    "csi": "edgecv.runtime.sources.gstreamer:find_csi",
    "gst": "edgecv.runtime.sources.gstreamer:find_pipeline",
    "conveyor": "edgecv.runtime.sources.conveyor:find",
}
# each stream holds a decoder and some frames of its own size
STREAMS_MAX = 16


def find_sources(texts: Sequence[str]) -> list[Source]:
    """The sources that the words of the command line mean, with names that differ.

    Args:
        texts: each a video file, a folder of pictures, a glob of either, a camera's number, or
            an address with one of SCHEMES.

    Raises:
        UsageError: an address that is not understood, or too many.
        DataError: a file or folder that is not there, or holds no pictures.
    """
    found = [source for text in texts for source in _find(text)]
    if not 1 <= len(found) <= STREAMS_MAX:
        raise UsageError(f"{len(found)} sources; expected 1 to {STREAMS_MAX}. Name fewer")
    return _with_names(found)


def _find(text: str) -> list[Source]:
    if text.isdigit() and not Path(text).exists():
        text = f"v4l2:///dev/video{text}"
    scheme = re.match(r"([a-z][a-z0-9]+):", text)
    if scheme and not Path(text).exists():
        if scheme[1] not in SCHEMES:
            known = ", ".join(SCHEMES)
            raise UsageError(f"{text}: no source '{scheme[1]}:'; there are files and {known}")
        module, _, function = SCHEMES[scheme[1]].partition(":")
        find: Callable[[str], list[Source]] = getattr(import_module(module), function)
        return find(text)
    return _files(text)


def _files(text: str) -> list[Source]:
    from edgecv.data.pictures import SUFFIXES, find_pictures
    from edgecv.runtime.sources.pictures import PictureFiles
    from edgecv.runtime.sources.video import VideoFile, missing

    path = Path(text).expanduser()
    if path.is_dir():
        return [PictureFiles(tuple(find_pictures(path)), path.resolve().name)]
    matched = not path.exists() and glob.has_magic(text)
    paths = [Path(name) for name in sorted(glob.glob(str(path)))] if matched else [path]
    if not paths:
        raise DataError(f"{text}: no file has such a name")
    if not paths[0].exists():
        raise missing(path)
    pictures = tuple(one for one in paths if one.suffix.lower() in SUFFIXES)
    found: list[Source] = [VideoFile(one, one.stem) for one in paths if one not in pictures]
    if pictures:
        name = pictures[0].stem if len(pictures) == 1 else pictures[0].resolve().parent.name
        found.append(PictureFiles(pictures, name))
    return found


def _with_names(found: Sequence[Source]) -> list[Source]:
    named: list[Source] = []
    for source in found:
        # names become parts of file names
        plain = re.sub(r"[^\w.-]+", "_", source.name) or "stream"
        taken, name, number = {one.name for one in named}, plain, 1
        while name in taken:
            number += 1
            name = f"{plain}-{number}"
        value: Any = source
        named.append(replace(value, name=name))
    return named
