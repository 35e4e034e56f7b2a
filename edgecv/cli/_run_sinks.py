"""Where the results of `edgecv run` go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecv.errors import UsageError
from edgecv.runtime.sinks import Sink
from edgecv.runtime.sources import Source

if TYPE_CHECKING:
    from edgecv.runtime.sinks.mqtt import Mqtt


@dataclass(frozen=True)
class Outputs:
    """Where results go."""

    save: Path | None
    jsonl: Path | None
    mot: Path | None
    crops: Path | None
    show: bool

    @property
    def on_stdout(self) -> bool:
        return str(self.jsonl) == "-"


def check_outputs(outputs: Outputs, sources: Sequence[Source], as_json: bool) -> None:
    """Refuse to write over what is read, and to write two things to stdout.

    Raises:
        UsageError: naming the file.
    """
    if as_json and outputs.on_stdout:
        raise UsageError("--json and --jsonl - both write to stdout; name a file for one of them")
    read = {path.resolve() for source in sources if (path := getattr(source, "path", None))}
    for path in (outputs.save, outputs.jsonl, outputs.mot):
        if path is None or str(path) == "-":
            continue
        if path.resolve() in read:
            raise UsageError(f"{path}: is a source; name another file to write to")
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; name a file in it")
        if not path.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}. Make it, or name another")
    crops = outputs.crops
    if crops is not None and any(one.is_file() for one in (crops, *crops.parents)):
        raise UsageError(f"--crops {crops}: is a file or in one; name a folder")
    if outputs.save is not None and outputs.save.suffix.lower() != ".mp4":
        raise UsageError(f"--save {outputs.save}: what is written is MP4; name it so: .mp4")


def sinks_of(
    outputs: Outputs, streams: list[str], class_names: Sequence[str], stop: Callable[[], None]
) -> list[Sink]:
    """The sinks that were asked for; each one's code is imported only then.

    Raises:
        UsageError, OSError: one cannot be made.
    """
    sinks: list[Sink] = []
    if outputs.show:
        from edgecv.runtime.sinks.window import Window

        sinks.append(Window(class_names, stop))
    if outputs.jsonl is not None:
        from edgecv.runtime.sinks.jsonl import JsonLines

        sinks.append(JsonLines(outputs.jsonl, class_names))
    if outputs.mot is not None:
        from edgecv.runtime.sinks.mot import MotText

        sinks.append(MotText(outputs.mot, streams))
    if outputs.crops is not None:
        from edgecv.runtime.sinks.crops import Crops

        sinks.append(Crops(outputs.crops, class_names))
    if outputs.save is not None:
        from edgecv.runtime.sinks.video import SavedVideo

        sinks.append(SavedVideo(outputs.save, streams, class_names))
    return sinks


def mqtt_of(url: str | None, class_names: Sequence[str]) -> Mqtt | None:
    """The broker that was asked for.

    Raises:
        UsageError, MissingExtraError: it cannot be used.
    """
    if url is None:
        return None
    from edgecv.runtime.sinks._broker import parse_broker
    from edgecv.runtime.sinks.mqtt import Mqtt

    return Mqtt(parse_broker(url), class_names)
