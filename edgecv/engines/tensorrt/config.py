"""A builder's configuration: asked for by name, so that one function serves every version."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from edgecv.engines.tensorrt.network import Network
from edgecv.engines.tensorrt.options import Batch, PlanOptions, batch_text
from edgecv.errors import EngineError, UsageError

# A file that leaves the batch open, when nothing else is asked for: what edgecv itself sends.
# More would cost memory for the most in each request, and the CUDA graph.
OPEN_BATCH: Batch = (1, 1, 1)
MB = 1 << 20


def make_config(made: Network, options: PlanOptions, workspace: int | None = None) -> Any:
    """Flags, memory, accelerator and batch sizes.

    Args:
        made: the network.
        options: what is asked for.
        workspace: bytes; None: as TensorRT likes.

    Raises:
        UsageError: the network or the device does not allow what is asked for.
    """
    trt, config = made.vendor, made.builder.create_builder_config()
    flags = trt.BuilderFlag.__members__
    if "TF32" in flags:  # on by default; with it fp32 is not fp32
        config.clear_flag(flags["TF32"])
    for name in flag_names(made, options):
        config.set_flag(flags[name])
    if not made.strongly_typed:
        _keep_float32(made, options.float32)
    if workspace is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # tells the types of layers
    if options.dla is not None:
        _use_dla(made, config, options.dla)
    _add_batch(made, config, options)
    return config


def flag_names(made: Network, options: PlanOptions) -> list[str]:
    """The builder flags that the options need in this version."""
    names = []
    if "REQUIRE_USER_ALLOCATION" in made.vendor.BuilderFlag.__members__:
        names.append("REQUIRE_USER_ALLOCATION")  # TensorRT-RTX, else not recorded as a graph
    if not made.strongly_typed:
        names += {"fp32": [], "fp16": ["FP16"], "int8": ["INT8", "FP16"]}[options.precision]
        if options.float32 and options.precision != "fp32":
            names.append("OBEY_PRECISION_CONSTRAINTS")
    if options.dla is not None:
        names.append("GPU_FALLBACK")
    if options.version_compatible:
        names.append("VERSION_COMPATIBLE")
    return names


def workspace_bytes(asked_mb: int | None, free_bytes: int, unified: bool) -> int | None:
    """The limit of scratch memory, None for TensorRT's own.

    Where CPU and GPU share memory, a builder that takes all of it takes the system's too.

    Raises:
        UsageError: more is asked for than is free.
    """
    if asked_mb is not None and asked_mb * MB > free_bytes:
        shared = ", which CPU and GPU share," if unified else " of the GPU"
        raise UsageError(
            f"--workspace {asked_mb}: {free_bytes // MB} MB of memory{shared} are free. "
            "Ask for less, or end what else uses it"
        )
    if asked_mb is not None:
        return asked_mb * MB
    return free_bytes // 2 if unified else None


def _keep_float32(made: Network, names: Collection[str]) -> None:
    float32 = made.vendor.DataType.FLOAT
    for layer in made.layers:
        if layer.name in names and layer.get_output(0).dtype == float32:
            layer.precision = float32
            layer.set_output_type(0, float32)


def _use_dla(made: Network, config: Any, core: int) -> None:
    cores = made.builder.num_DLA_cores
    if core >= cores:
        raise UsageError(
            f"--dla {core}: this device has {cores} cores of that kind for this TensorRT. "
            "Build without --dla"
        )
    config.default_device_type = made.vendor.DeviceType.DLA
    config.DLA_core = core


def _add_batch(made: Network, config: Any, options: PlanOptions) -> None:
    if not made.dynamic:
        if options.batch is not None:
            fixed = {int(tensor.shape[0]) for tensor in made.inputs}
            if fixed != {*options.batch}:
                raise UsageError(
                    f"--batch {batch_text(options.batch)}: this network takes "
                    f"{', '.join(map(str, sorted(fixed)))} a call. Make it with an open "
                    "batch, by the command that its report names with --set export.batch=dynamic"
                )
        return
    batch = options.batch or OPEN_BATCH
    if batch[0] > 1:
        raise UsageError(
            f"--batch {batch_text(batch)}: edgecv sends one picture a call, which this plan would "
            f"refuse. Take --batch 1:{batch[1]}:{batch[2]}"
        )
    if options.dla is not None and batch[0] != batch[2]:
        raise UsageError(f"--dla {options.dla} needs one batch size: --batch 1")
    profile = made.builder.create_optimization_profile()
    for tensor in made.inputs:
        shape = tuple(tensor.shape)
        if min(shape[1:], default=1) < 0:
            raise EngineError(
                f"input {tensor.name} is {shape}: only its batch may be open. "
                "Export it again with a fixed size: --set load.input_size"
            )
        profile.set_shape(tensor.name, *((count, *shape[1:]) for count in batch))
    config.add_optimization_profile(profile)
    _share_profile(made.vendor, config)


def _share_profile(trt: Any, config: Any) -> None:
    # TensorRT 8: else contexts of one engine could not run at once; later versions always share
    features = trt.PreviewFeature.__members__
    if "PROFILE_SHARING_0806" in features:
        config.set_preview_feature(features["PROFILE_SHARING_0806"], True)
