"""GStreamer pipelines, for what FFmpeg cannot reach: Jetson's cameras and decoders.

A process of gst-launch-1.0 writes YUV4MPEG2 into a pipe: it carries size and rate, and needs no
bindings, which exist for the system's Python only. A crash of a vendor's element ends that
process, not this one.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from edgecv.errors import DataError, UsageError
from edgecv.runtime.sources._capture import Capture, Shot, Source
from edgecv.runtime.sources._libav import DecodedCapture

INSTALL = "apt-get install gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
ENDING = "videoconvert ! video/x-raw,format=I420 ! y4menc ! fdsink fd=1"
CSI = {"size": "1280x720", "fps": "30"}


@dataclass(frozen=True)
class Pipeline:
    """A pipeline in the words of gst-launch-1.0 that ends in raw video, without a sink."""

    words: tuple[str, ...]
    name: str
    live: bool = True
    remote: bool = False

    def open(self) -> Capture:
        """Start the process.

        Raises:
            DataError: it ends before a picture; with GStreamer's own words.
        """
        return _Opened(self)


class _Opened:
    def __init__(self, pipeline: Pipeline) -> None:
        self._name, self._reading = pipeline.name, False
        self._told = tempfile.TemporaryFile()
        # a session of its own: Ctrl-C is for this process, which then ends that one
        self._process = subprocess.Popen(
            ["gst-launch-1.0", "-q", *pipeline.words, "!", *ENDING.split()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._told,
            start_new_session=True,
        )
        try:
            self._decoded = DecodedCapture(
                pipeline.name,
                f"pipe:{self._process.stdout.fileno() if self._process.stdout else -1}",
                format="yuv4mpegpipe",
                clocked=True,
            )
        except DataError as error:
            self._end()
            reason = self._reason()
            self.close()
            raise DataError(f"{self._name}: {reason or error}") from error
        self.frame_rate = self._decoded.frame_rate

    def __iter__(self) -> Iterator[Shot]:
        self._reading = True
        try:
            yield from self._decoded
            self._end()
            reason = self._reason()
            if reason:
                raise DataError(f"{self._name}: the pipeline ended: {reason}")
        finally:
            self._reading = False
            self.close()

    def _reason(self) -> str:
        """GStreamer's first complaint."""
        self._told.seek(0)
        lines = self._told.read().decode("utf-8", "replace").splitlines()
        said = [line for line in lines if line.startswith(("ERROR", "WARNING"))]
        return (said or [""])[0].removeprefix("WARNING: ").removeprefix("ERROR: ").strip()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self._end()
        if not self._reading:  # the thread that reads from the pipe lets go of it
            self._told.close()
            if self._process.stdout:
                self._process.stdout.close()


def find_pipeline(text: str) -> list[Source]:
    """What stands after gst:, e.g. gst:videotestsrc ! video/x-raw,width=640,height=480.

    Raises:
        UsageError: nothing stands there, or GStreamer is not installed.
    """
    words = tuple(shlex.split(text.partition(":")[2]))
    if not words:
        raise UsageError("gst: expected a pipeline after it, without a sink: 'gst:videotestsrc'")
    _need_tools("gst:")
    return [Pipeline(words, "gst")]


def find_csi(text: str) -> list[Source]:
    """Jetson's camera: csi://0?size=1280x720&fps=30.

    Raises:
        UsageError: an unknown setting, or this machine lacks NVIDIA's camera element.
    """
    parts = urlsplit(text)
    found = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    sensor = parts.netloc or "0"
    if not sensor.isdigit() or set(found) - set(CSI):
        raise UsageError(f"{text}: expected csi://NUMBER, and of settings {', '.join(CSI)}")
    _need_tools("csi://")
    element = "nvarguscamerasrc"
    there = subprocess.run(["gst-inspect-1.0", "--exists", element], capture_output=True)
    if there.returncode:
        raise UsageError(
            f"{text}: no GStreamer element {element} here; it comes with JetPack. "
            "Cameras of other machines: v4l2:///dev/video0, or gst: with a pipeline"
        )
    asked = CSI | found
    width, _, height = asked["size"].partition("x")
    words = (
        f"{element} sensor-id={sensor} ! video/x-raw(memory:NVMM),width={width},height={height},"
        f"framerate={asked['fps']}/1 ! nvvidconv ! video/x-raw"
    )
    return [Pipeline(tuple(words.split()), f"csi{sensor}")]


def _need_tools(what: str) -> None:
    if shutil.which("gst-launch-1.0") is None:
        raise UsageError(f"{what} needs gst-launch-1.0, which is not installed: {INSTALL}")
