"""Pictures in files, shown one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecv.data.pictures import read_picture
from edgecv.errors import DataError
from edgecv.runtime.frames import ArrayPicture
from edgecv.runtime.sources._capture import Capture, Shot

# files have no rate; half of them may be read from a slow card at this one
FRAME_RATE = 30.0


@dataclass(frozen=True)
class PictureFiles:
    """Pictures in the order of their names; those that cannot be read are said at the end."""

    paths: tuple[Path, ...]
    name: str
    live: bool = False
    remote: bool = False

    def open(self) -> Capture:
        return _Opened(self)


class _Opened:
    def __init__(self, source: PictureFiles) -> None:
        self.frame_rate, self.frames = FRAME_RATE, len(source.paths)
        self._source, self._closed = source, False

    def __iter__(self) -> Iterator[Shot]:
        problems = []
        for index, path in enumerate(self._source.paths):
            if self._closed:
                return
            try:
                image = read_picture(path)
            except DataError as error:
                problems.append(str(error))
                continue
            yield Shot(ArrayPicture(image), index / self.frame_rate)
        if problems:
            count = f"{len(problems)} of {len(self._source.paths)} pictures were left out"
            raise DataError(f"{self._source.name}: {count}. {problems[0]}")

    def close(self) -> None:
        self._closed = True
