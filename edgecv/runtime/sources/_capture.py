"""What a source is, and what it is while it is open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from edgecv.runtime.frames import Picture
from edgecv.types import Detections


class Shot(NamedTuple):
    """One picture that a capture gave.

    Attributes:
        picture: its pixels.
        time_s: on the source's own clock; None: it was taken just now.
        truth: what is really there, where the source knows.
    """

    picture: Picture
    time_s: float | None = None
    truth: Detections | None = None


class Capture(Protocol):
    """An open source.

    Attributes:
        frame_rate: frames a second, above 0.
    """

    frame_rate: float

    def __iter__(self) -> Iterator[Shot]:
        """Pictures until the source ends.

        Raises:
            DataError: it broke (a camera that ends is broken), or it ended without all that it
                should have held.
        """
        ...

    def close(self) -> None:
        """End the iteration soon; may be called from another thread, and twice."""
        ...


class Source(Protocol):
    """Where frames come from.

    Attributes:
        name: short, for people and file names; unique in a run.
        live: frames come by the clock, whether somebody wants them or not; one that broke is
            opened again.
        remote: may be absent when the run starts.
    """

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool: ...

    @property
    def remote(self) -> bool: ...

    def open(self) -> Capture:
        """Begin.

        Raises:
            DataError: it cannot be opened.
            MissingExtraError: a package is missing.
        """
        ...
