"""What training.json holds. docs/training-schema.md is generated from these models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from edgecv.bundle import Record
from edgecv.recipe import TrainSettings
from edgecv.report.schema import Accuracy


class Epoch(Record):
    """A time that every picture was seen."""

    epoch: int = Field(description="From 1.")
    step: int = Field(description="Steps done at its end.")
    lr: float = Field(description="Learning rate of its last step.")
    loss: dict[str, float] = Field(description="Mean of each part of the loss, and 'total'.")
    seconds: float = Field(description="Without the validation.")
    mAP: float | None = Field(None, description="Of the averaged weights; null: not validated.")
    mAP50: float | None = None
    per_class: dict[str, float] | None = Field(None, description="AP of each class.")
    validation_seconds: float | None = None


class ClassResult(Record):
    """One class; boxes count as found at the score of `mistakes`."""

    name: str
    train_boxes: int | None = Field(None, description="null: a user's own Dataset, not counted.")
    val_boxes: int = Field(description="Objects to be found.")
    ap: float | None = Field(None, description="AP over IoU .50 to .95; null: no box in val.")
    recall: float | None = Field(None, description="Share of objects found, in [0, 1].")
    precision: float | None = Field(None, description="Share of its boxes that are right.")


class Box(Record):
    """An object or an answer on a shown picture."""

    class_id: int
    box_xyxy: tuple[float, float, float, float] = Field(description="Pixels of the file.")
    score: float | None = Field(None, description="null: ground truth.")
    right: bool = Field(description="An object that is found, or a box that is right.")


class WorstPicture(Record):
    """A picture with its objects and what the network found."""

    name: str
    file: str = Field(description="JPEG in training/worst/ of the bundle.")
    width: int = Field(description="Pixels of the file.")
    height: int
    missed: int = Field(description="Objects that no box stands for.")
    false: int = Field(description="Boxes that stand for no object.")
    confused: int = Field(description="Boxes that stand for an object of another class.")
    truth: tuple[Box, ...]
    found: tuple[Box, ...]


class Mistakes(Record):
    """What the best weights get wrong on val, at one score and overlap."""

    score_min: float = Field(description="Where boxes of all classes have their best F1.")
    iou_min: float = Field(description="Least overlap of a box with its object.")
    class_names: tuple[str, ...] = Field(description="Of the class ids, in order.")
    confusion: tuple[tuple[int, ...], ...] = Field(
        description="Rows: class of the object, then background. Columns: class of the box, then "
        "none. Boxes on background are in the last row, missed objects in the last column."
    )
    images: int = Field(description="Pictures of val.")
    faultless: int = Field(description="Pictures without a mistake.")
    worst: tuple[WorstPicture, ...] = Field((), description="Most mistakes first.")


class Part(Record):
    """Pictures to learn from, or to choose by."""

    name: str
    images: int
    boxes: int | None = None


class Change(Record):
    """A setting that is not the default."""

    name: str
    value: Any
    default: Any


class TrainingReport(Record):
    """training.json."""

    format: Literal["edgecv-training/1"] = "edgecv-training/1"
    recipe: str
    model: str
    input_wh: tuple[int, int] = Field(description="Width and height of the input, pixels.")
    start: str | None = Field(description="Weights that it began with; null: from scratch.")
    kept: str = Field(description="What of them was kept.")
    weights: str = Field(description="File of the best weights in the bundle.")
    weights_bytes: int
    score: Accuracy = Field(description="Of the best weights on val.")
    best_epoch: int
    epochs: tuple[Epoch, ...]
    classes: tuple[ClassResult, ...]
    mistakes: Mistakes
    train: Part
    val: Part
    notes: tuple[str, ...] = Field(description="How the two parts came about.")
    warnings: tuple[str, ...] = Field(description="What `edgecv data check` says of the data.")
    settings: dict[str, Any] = Field(description="All that decide the result.")
    changed: tuple[Change, ...] = Field(description="Those that are not the defaults.")
    training_seconds: float
    validation_seconds: float
    device: str = Field(description="What computed.")
    processes: int
    environment: dict[str, Any] = Field(description="The machine.")
    command: str = Field(description="The exact command line.")

    @property
    def plain_from(self) -> int | None:
        """The last epoch, from 1, with mosaic or mixup; None: it had none, or no end of it."""
        settings = TrainSettings.model_validate(self.settings)
        mixed = settings.augment.mosaic > 0 and 0 < settings.plain_from < settings.epochs
        return settings.plain_from if mixed else None
