"""MOTChallenge sequences: `NAME/{seqinfo.ini, det*.txt, gt.txt, gmc.txt}`, also in det/ and gt/."""

from __future__ import annotations

from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgecv.data.mot_rows import Floats, MotRows, read_affines, read_rows
from edgecv.errors import DataError
from edgecv.types import Detections

LOOKED_FOR = "NAME/seqinfo.ini beside NAME/det*.txt or NAME/det/det.txt"


@dataclass(frozen=True)
class Sequence:
    """A sequence of frames with its detections.

    Attributes:
        name: of its folder.
        frame_rate: frames a second.
        length: frames.
        size_wh: pixels.
        detections: rows without ids; scores in [0, 1].
        truth: rows with ids, or None.
        affines: (length, 2, 3) camera motion from the frame before, or None.
        pictures: a file for each frame, or none.
        notes: what a person should know of how the files were read.
    """

    name: str
    frame_rate: float
    length: int
    size_wh: tuple[int, int]
    detections: MotRows
    truth: MotRows | None = None
    affines: Floats | None = None
    pictures: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def found_in(self, frame: int) -> Detections:
        """What was detected in a frame, from 1; class 0."""
        rows = self.detections.of_frame(frame)
        corners = rows.boxes_xywh[:, :2] + rows.boxes_xywh[:, 2:]
        return Detections(
            np.concatenate([rows.boxes_xywh[:, :2], corners], axis=1).astype(np.float32),
            rows.scores.astype(np.float32),
            np.zeros(len(rows), np.int64),
        )

    def second_half(self) -> Sequence:
        """0-based frames N//2 + 1 to N - 1, renumbered: ByteTrack's validation half of MOT17."""
        skipped = self.length // 2 + 1
        truth = None if self.truth is None else self.truth.from_frame(skipped + 1)
        return replace(
            self,
            length=self.length - skipped,
            detections=self.detections.from_frame(skipped + 1),
            truth=truth,
            affines=None if self.affines is None else self.affines[skipped:],
            pictures=self.pictures[skipped:],
        )


def find_sequences(folder: Path) -> list[Path]:
    """The folder itself if it is a sequence, else the sequences in it, sorted by name.

    Raises:
        DataError: there is none, or one lacks its seqinfo.ini.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected {LOOKED_FOR}")
    if _is_sequence(folder):
        return [folder]
    found = sorted(child for child in folder.iterdir() if child.is_dir() and _is_sequence(child))
    if not found:
        raise DataError(f"{folder}: no sequence here, expected {LOOKED_FOR}")
    return found


def _is_sequence(folder: Path) -> bool:
    return (folder / "seqinfo.ini").is_file() or bool(_detection_files(folder))


def _detection_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("det*.txt")) or sorted(folder.glob("det/*.txt"))


def read_sequence(folder: Path) -> Sequence:
    """Read a sequence; ground truth, camera motion and pictures where they exist.

    Raises:
        DataError: a file is missing or damaged, or the files disagree.
    """
    frame_rate, length, size_wh, pictures = _read_info(folder)
    files = _detection_files(folder)
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise DataError(f"{folder}: files of detections: {names}; expected one det*.txt")
    detections, notes = _in_unit_range(read_rows(files[0], sorted_by_frame=True))
    truths = [path for path in (folder / "gt.txt", folder / "gt" / "gt.txt") if path.is_file()]
    truth = read_rows(truths[0], sorted_by_frame=False) if truths else None
    for rows in (detections, truth):
        if rows is not None and rows.frames[-1] > length:
            raise DataError(
                f"{rows.source}: goes to frame {rows.frames[-1]}, expected at most {length} "
                "(seqLength in seqinfo.ini)"
            )
    gmc = folder / "gmc.txt"
    affines = read_affines(gmc, length) if gmc.is_file() else None
    return Sequence(
        folder.name, frame_rate, length, size_wh, detections, truth, affines, pictures, notes
    )


def _read_info(folder: Path) -> tuple[float, int, tuple[int, int], tuple[Path, ...]]:
    path = folder / "seqinfo.ini"
    if not path.is_file():
        raise DataError(f"{path}: missing; it holds frameRate, seqLength, imWidth and imHeight")
    ini = ConfigParser()
    try:
        ini.read_string(path.read_text("utf-8"))
        section = ini["Sequence"]
        rate, length = section.getfloat("frameRate"), section.getint("seqLength")
        width, height = section.getint("imWidth"), section.getint("imHeight")
        place, ending = section.get("imDir", "img1"), section.get("imExt", ".jpg")
    except (IniError, KeyError, ValueError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: {reason}. Expected [Sequence] with its numbers") from error
    if not (rate and length and width and height) or min(rate, length, width, height) <= 0:
        raise DataError(
            f"{path}: frameRate {rate}, seqLength {length}, imWidth {width}, imHeight {height}; "
            "expected four numbers above 0"
        )
    pictures = tuple(sorted((folder / place).glob(f"*{ending}")))
    if pictures and len(pictures) != length:
        raise DataError(
            f"{folder / place}: {len(pictures)} pictures, expected {length} "
            "(seqLength in seqinfo.ini)"
        )
    return rate, length, (width, height), pictures


def _in_unit_range(rows: MotRows) -> tuple[MotRows, tuple[str, ...]]:
    """Rows with scores in [0, 1]; public detections of MOT15 have none that mean a probability."""
    outside = (rows.scores < 0) | (rows.scores > 1)
    if not outside.any():
        return rows, ()
    score = rows.scores[outside][0]
    if outside.mean() <= 0.5:  # a few among probabilities are a mistake
        raise DataError(
            f"{rows.source}: score {score:g} in frame {rows.frames[outside][0]}, expected 0 to 1"
        )
    note = (
        f"{rows.source}: scores from {rows.scores.min():g} to {rows.scores.max():g} are no "
        "probabilities; every box counts as sure (score 1)"
    )
    return replace(rows, scores=np.ones(len(rows))), (note,)
