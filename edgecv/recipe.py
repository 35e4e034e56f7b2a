"""The settings of every stage, in the sections of a recipe; recipe_file.py reads and checks one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, model_validator

from edgecv.bundle import Record

Observer = Literal["auto", "minmax", "percentile", "mse", "entropy"]
Target = Literal["openvino", "onnxruntime", "tensorrt"]


class LoadSettings(Record):
    """Where the network comes from."""

    weights: str | None = Field(
        None, description="Checkpoint, ONNX file, URL, or the name of a known download."
    )
    head: Literal["auto", "yolox", "yolov8", "yolov5"] = Field(
        "auto",
        description="Output layout of an ONNX file: yolox (1,N,5+C) before decoding, "
        "yolov8 (1,4+C,N), yolov5 (1,N,5+C) decoded.",
    )
    classes: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    ] = Field(None, description="Class names in order; absent: COCO's 80, or those of the data.")
    input_size: int | None = Field(
        None, gt=0, le=8192, multiple_of=32, description="Side of the square input in pixels."
    )


class AugmentSettings(Record):
    """How training pictures are varied; mosaic and mixup end before the plain epochs."""

    mosaic: float = Field(
        1.0, ge=0, le=1, description="Share of pictures put together from four, with their boxes."
    )
    mixup: float = Field(
        0.0, ge=0, le=1, description="Share of mosaics blended with another picture."
    )
    degrees: float = Field(
        0.0,
        ge=0,
        le=180,
        description="Largest rotation, to either side; the boxes round what was turned are loose.",
    )
    translate: float = Field(
        0.1, ge=0, le=1, description="Largest shift, as a part of the picture's side."
    )
    scale: Annotated[
        tuple[PositiveFloat, PositiveFloat],
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    ] = Field((0.5, 1.5), description="Smallest and largest zoom.")
    shear: float = Field(
        0.0, ge=0, lt=90, description="Largest shear in degrees; it makes boxes loose too."
    )
    hue: float = Field(
        0.015, ge=0, le=0.5, description="Largest shift of hue, as a part of its circle."
    )
    saturation: float = Field(
        0.5, ge=0, le=1, description="Largest relative change of saturation, up or down."
    )
    value: float = Field(
        0.3, ge=0, le=1, description="Largest relative change of brightness, up or down."
    )
    flip: float = Field(0.5, ge=0, le=1, description="Share of pictures mirrored left to right.")
    multiscale: int = Field(
        2, ge=0, le=16, description="Steps of 32 px that the input side varies to either side."
    )

    @model_validator(mode="after")
    def _ordered(self) -> AugmentSettings:
        if self.scale[0] > self.scale[1]:
            raise ValueError("scale should be the smallest zoom, then the largest")
        return self


class TrainSettings(Record):
    """How a network is trained or fine-tuned."""

    variant: Literal["yolox_nano", "yolox_tiny", "yolox_s", "yolox_m"] = Field(
        "yolox_nano", description="Network to train from scratch, where no weights are given."
    )
    freeze: Literal["none", "backbone"] = Field(
        "none", description="backbone: features stay as they are, the head alone learns."
    )
    input_size: int | None = Field(
        None,
        gt=0,
        le=8192,
        multiple_of=32,
        description="Side of the square input in pixels; absent: that of the loaded network.",
    )
    epochs: int = Field(100, gt=0, description="Times that every picture is seen.")
    plain_epochs: int = Field(
        15,
        ge=0,
        description="Last epochs, without mosaic and mixup and with an L1 loss on the boxes; "
        "at most 15 % of all epochs.",
    )
    batch: int = Field(16, gt=0, description="Pictures a step, over all processes.")
    lr: float = Field(
        0.01, gt=0, description="Peak learning rate of 64 pictures a step; scaled with batch."
    )
    warmup_epochs: float = Field(1.0, ge=0, description="Epochs in which the rate rises.")
    weight_decay: float = Field(5e-4, ge=0, description="Of weights; biases and norms have none.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Of SGD, Nesterov's.")
    ema: float = Field(
        0.9998, ge=0, lt=1, description="Decay of the averaged weights, which are the result."
    )
    precision: Literal["auto", "fp32", "amp"] = Field(
        "auto", description="auto: amp (16-bit where it is safe) on a GPU, fp32 on a CPU."
    )
    seed: int = Field(0, ge=0, description="Every random choice follows from it.")
    # excluded from what identifies a result: they change how a training runs, not what it gives
    workers: int = Field(
        2,
        ge=0,
        exclude=True,
        description="Threads that prepare pictures beside the training; 0: none.",
    )
    cache_mb: int = Field(
        512, ge=0, exclude=True, description="Memory for decoded pictures; 0: none."
    )
    checkpoint_every_s: float = Field(
        120,
        ge=0,
        exclude=True,
        description="Seconds after which a stopped run may have to be repeated.",
    )
    validate_every: int = Field(5, gt=0, description="Epochs from one validation to the next.")
    train_split: str = Field("train", description="Name of the part to learn from.")
    val_split: str = Field("val", description="Name of the part to choose the best weights by.")
    val_fraction: float = Field(
        0.1, gt=0, lt=1, description="Part of the training pictures held out where val is absent."
    )
    custom: str | None = Field(
        None,
        pattern=r"^[\w.]+:\w+$",
        description="module:function that gives a torch Dataset, instead of a known format.",
    )
    augment: AugmentSettings = AugmentSettings()

    @property
    def plain_from(self) -> int:
        """The first epoch, from 0, without mosaic and mixup; `epochs` when there is none."""
        return self.epochs - min(self.plain_epochs, round(0.15 * self.epochs))


class PruneSettings(Record):
    """Which channels are cut out of a network; it is fine-tuned after each of several cuts."""

    macs: float | None = Field(
        None, gt=0, lt=1, description="Share of the multiply-accumulates to keep."
    )
    latency: float | None = Field(
        None, gt=0, lt=1, description="Share of the time of a call to keep, instead of macs."
    )
    engine: Literal["openvino", "onnxruntime"] = Field(
        "openvino", description="Engine whose time latency is about, in float, on this machine."
    )
    layers: str | None = Field(
        None,
        description="Layer times to start from, as `edgecv bench --layers` writes them; absent: "
        "measured when needed.",
    )
    importance: Literal["magnitude", "bn", "taylor"] = Field(
        "taylor",
        description="What a channel of a layer is worth: by its weights (magnitude), by the scale "
        "of its batch norms (bn), or by what the loss would rise without it (taylor).",
    )
    batches: int = Field(8, gt=0, description="Batches that taylor looks at.")
    round_to: int = Field(8, ge=1, le=128, description="Channels are kept in multiples of this.")
    floor: float = Field(
        0.125, gt=0, le=1, description="Share of its channels that every layer keeps at least."
    )
    steps: int = Field(3, gt=0, le=100, description="Cuts, each followed by fine-tuning.")
    sensitivity: int = Field(
        8,
        ge=0,
        description="Training pictures on which the loss is measured with parts of each layer "
        "gone, to weigh layers against each other; 0: all weigh the same.",
    )
    train: TrainSettings | None = Field(
        None, description="Fine-tuning after each cut; absent: none."
    )

    @model_validator(mode="after")
    def _one_target(self) -> PruneSettings:
        if (self.macs is None) == (self.latency is None):
            raise ValueError("expected one of macs and latency, the share to keep")
        return self


class DistillSettings(Record):
    """A small network, the student, learns from the loaded teacher and takes its place."""

    student: Literal[
        "mobilenet_v2",
        "mobilenet_v3_small",
        "mobilenet_v3_large",
        "squeezenet1_1",
        "squeezenet1_1_s4",
    ] = Field(
        description="Backbone of the student, as torchvision has it; _s4: its first conv has "
        "stride 4 and no pool behind it, which is quicker."
    )
    width: float = Field(0.5, gt=0, le=2, description="Channels of the backbone, times its own.")
    neck: int = Field(
        32, gt=0, le=512, multiple_of=8, description="Channels of each level of neck and head."
    )
    head_convs: int = Field(
        2, ge=1, le=4, description="3x3 convs of each branch of the head before its predictions."
    )
    activation: Literal["relu", "hardswish", "silu"] = Field(
        "relu", description="Of the whole student; INT8 on a CPU pays with relu."
    )
    backbone_weights: str | None = Field(
        None,
        description="File with the backbone trained on ImageNet, or 'imagenet' to fetch "
        "torchvision's; a narrower student takes the part that fits. Absent: from scratch.",
    )
    truth: float = Field(1.0, ge=0, description="Weight of the loss on the ground truth.")
    response: float = Field(
        1.0, ge=0, description="Weight of the loss on the teacher's answers; 0: not looked at."
    )
    confidence: float = Field(
        0.1, gt=0, lt=1, description="Score from which a box of the teacher's is learned."
    )
    features: Literal["none", "cwd", "pkd"] = Field(
        "pkd",
        description="Loss on the teacher's features: channel by channel (cwd), or by their "
        "correlation (pkd). An ONNX teacher has none to give.",
    )
    feature_weight: float = Field(4.0, gt=0, description="Weight of the loss on features.")
    temperature: float = Field(1.0, gt=0, description="Of cwd; higher: more of the weak places.")
    unlabelled: str | None = Field(
        None, description="Folder of photos without ground truth, learned from the teacher alone."
    )
    unlabelled_share: float = Field(
        0.25, gt=0, lt=1, description="Share of these among the pictures of a step."
    )
    train: TrainSettings = TrainSettings()

    @model_validator(mode="after")
    def _something_to_learn(self) -> DistillSettings:
        taught = self.response > 0 or self.features != "none"
        if not taught and not self.truth:
            raise ValueError("truth, response and features leave nothing to learn from")
        if self.unlabelled and not taught:
            raise ValueError("unlabelled photos need a teacher: set response or features")
        return self


class ExportSettings(Record):
    """How the float graph is written."""

    opset: Literal[17, 18] = Field(17, description="ONNX operator set.")
    batch: Annotated[int, Field(gt=0)] | Literal["dynamic"] = Field(
        1, description="Pictures a call, or 'dynamic'."
    )
    simplify: bool = Field(True, description="Fold constants and merge nodes with onnxslim.")


class BudgetSettings(Record):
    """How much accuracy INT8 may cost."""

    max_drop: float = Field(0.005, ge=0, le=1, description="Largest loss of mAP, absolute.")
    max_float: float = Field(
        0.5, ge=0, le=1, description="Most of the multiply-accumulates that may go back to float."
    )


class QatAugmentSettings(AugmentSettings):
    """Pictures as the device will see them, mirrored or not, and a little recoloured."""

    mosaic: float = Field(0.0, ge=0, le=1, description="As in train.augment.")
    degrees: float = Field(0.0, ge=0, le=180, description="As in train.augment.")
    translate: float = Field(0.0, ge=0, le=1, description="As in train.augment.")
    scale: Annotated[
        tuple[PositiveFloat, PositiveFloat],
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    ] = Field((1.0, 1.0), description="As in train.augment.")
    shear: float = Field(0.0, ge=0, lt=90, description="As in train.augment.")
    multiscale: int = Field(0, ge=0, le=16, description="As in train.augment.")


class QatTrainSettings(TrainSettings):
    """Fine-tuning of a network that is trained already: few epochs at a low rate."""

    epochs: int = Field(10, gt=0, description="Times that every picture is seen.")
    lr: float = Field(
        0.001, gt=0, description="Peak learning rate of 64 pictures a step; scaled with batch."
    )
    weight_decay: float = Field(0.0, ge=0, description="Of weights; biases have none.")
    ema: float = Field(
        0.998, ge=0, lt=1, description="Decay of the averaged weights, which are the result."
    )
    precision: Literal["auto", "fp32", "amp"] = Field(
        "fp32", description="16 bits would round values of 8 bits once more."
    )
    validate_every: int = Field(1, gt=0, description="Epochs from one validation to the next.")
    augment: QatAugmentSettings = QatAugmentSettings()


class QatSettings(Record):
    """How method qat fine-tunes the network behind the roundings of the INT8 files."""

    truth: float = Field(1.0, ge=0, description="Weight of the loss on the ground truth.")
    response: float = Field(
        1.0, ge=0, description="Weight of the loss on the answers of the float network."
    )
    confidence: float = Field(
        0.1, gt=0, lt=1, description="Score from which a box of the float network's is kept."
    )
    train: QatTrainSettings = QatTrainSettings()

    @model_validator(mode="after")
    def _something_to_learn(self) -> QatSettings:
        if not self.truth and not self.response:
            raise ValueError("truth and response are both 0, which leaves nothing to learn from")
        return self


class QuantizeSettings(Record):
    """How the INT8 files are made."""

    method: Literal["ptq", "qat"] = Field(
        "ptq",
        description="ptq: from pictures alone. qat: then the weights learn to live with the "
        "rounding, and each file that gains by it takes them.",
    )
    qat: QatSettings = QatSettings()
    observer: Observer = Field("auto", description="Range rule; auto: least error per tensor.")
    percentile: float = Field(99.99, gt=50, le=100, description="For observer percentile.")
    images: int = Field(300, ge=8, description="Most calibration pictures used.")
    equalize: bool = Field(True, description="Move scale between channels before each conv.")
    rounding: Literal["nearest", "gptq"] = Field(
        "gptq", description="Round weights alone, or each to make up for those before it."
    )
    bias_correction: bool = Field(True, description="Cancel the mean error of each channel.")
    weight_bits: Literal["auto", 7, 8] = Field(
        "auto", description="auto: 8, on plain x86 no two that overflow together. 8 anywhere, or 7."
    )
    cpu: Literal["auto", "x86", "x86-vnni", "arm"] = Field(
        "auto", description="CPU that the CPU files are for; auto: this machine's."
    )
    keep_float: tuple[str, ...] = Field((), description="Names of nodes that stay in float.")
    budget: BudgetSettings = BudgetSettings()


class BuildSettings(Record):
    """Which engines get a file."""

    targets: tuple[Target, ...] = Field(
        ("openvino", "onnxruntime", "tensorrt"), min_length=1, description="Engines to build for."
    )


class EvaluateSettings(Record):
    """COCO's protocol."""

    score_min: float = Field(0.001, ge=0, le=1, description="Boxes under it are dropped.")
    nms_iou: float = Field(0.65, gt=0, le=1, description="Overlap above which a box is dropped.")
    max_boxes: int = Field(100, gt=0, description="Boxes kept a picture.")
    resamples: int = Field(500, ge=0, description="Bootstrap resamples for the 95% interval.")


class BenchSettings(Record):
    """How latency is measured."""

    queries: int = Field(120, gt=0, description="Timed calls of each variant.")
    rounds: int = Field(6, gt=0, description="The variants take turns this often.")
    requests: int = Field(2, gt=0, description="Calls in flight for throughput.")


class ReportSettings(Record):
    """What the report shows."""

    photos: int = Field(12, ge=0, description="Pictures with float and INT8 boxes side by side.")


class Recipe(Record):
    """A whole recipe; a section that is absent means that its stage is skipped."""

    recipe: Literal[1] = Field(1, description="Version of the recipe format.")
    load: LoadSettings | None = None
    train: TrainSettings | None = None
    prune: PruneSettings | None = None
    distill: DistillSettings | None = None
    export: ExportSettings | None = None
    quantize: QuantizeSettings | None = None
    build: BuildSettings | None = None
    evaluate: EvaluateSettings | None = None
    bench: BenchSettings | None = None
    report: ReportSettings | None = None

    @property
    def trainings(self) -> dict[str, TrainSettings]:
        """The settings of every stage that learns from the data, by its name."""
        found = {
            "train": self.train,
            "prune": self.prune and self.prune.train,
            "distill": self.distill and self.distill.train,
            "quantize": self.quantize and self.quantize.method == "qat" and self.quantize.qat.train,
        }
        return {name: settings for name, settings in found.items() if settings}
