"""Whether NVIDIA's current parser and builder accept a graph; needs no GPU.

TensorRT for RTX builds for GPUs that are not there. That proves that the graph is accepted, not
that its convolutions run in int8 on another TensorRT.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgecv.child import Child, ChildEndedError, serve
from edgecv.errors import pip

Verdict = dict[str, Any]

# Ampere to Blackwell; Orin, itself Ampere, is SM87, which this builder does not offer
CAPABILITIES = ("SM80", "SM86", "SM89", "SM120")


def accept(source: Path, timeout_s: float = 300.0) -> Verdict:
    """Build an ONNX file with TensorRT for RTX, in a process of its own since it may abort.

    Returns:
        {"accepted", "version", "capabilities": those it was built for, "seconds", "layers",
        "errors": [{"node", "op", "reason"}]}. "accepted" is None where there is no verdict, with
        a "reason" instead.
    """
    if find_spec("tensorrt_rtx") is None:
        return {"accepted": None, "reason": f"no tensorrt_rtx here: {pip()} install tensorrt-rtx"}
    with Child("edgecv.engines.tensorrt.acceptance") as child:
        try:
            return child.ask({"source": str(source)}, timeout_s)
        except ChildEndedError as error:
            return {
                "accepted": None,
                "reason": f"TensorRT for RTX ended without a verdict: {error}",
            }


def verdict_of(source: Path) -> Verdict:
    """The verdict, computed in this process."""
    import tensorrt_rtx

    start = time.perf_counter()
    errors, layers = _errors(tensorrt_rtx, source, CAPABILITIES)
    accepted: Sequence[str] = CAPABILITIES
    if errors and layers:  # the parser took it; which GPUs the builder refuses it for
        alone = {one: _errors(tensorrt_rtx, source, (one,))[0] for one in CAPABILITIES}
        accepted = tuple(one for one in CAPABILITIES if not alone[one])
        errors = [
            {**error, "reason": f"{one}: {error['reason']}"}
            for one in CAPABILITIES
            for error in alone[one]
        ] or errors
    return {
        "accepted": not errors,
        "version": f"TensorRT-RTX {tensorrt_rtx.__version__}",
        "capabilities": list(accepted) if layers else [],
        "seconds": round(time.perf_counter() - start, 2),
        "layers": layers,
        "errors": errors,
    }


def _errors(
    trt: Any, source: Path, capabilities: Sequence[str]
) -> tuple[list[dict[str, str]], int]:
    """Why it cannot be built for these GPUs, nothing when it can; and its layers, 0 unparsed."""
    from edgecv.engines.tensorrt.config import make_config
    from edgecv.engines.tensorrt.network import by_message, read_network
    from edgecv.engines.tensorrt.options import PlanOptions

    made = read_network(trt, source)
    if made.refusals:
        return made.refusals, 0
    # what is open stays open
    config = make_config(made, PlanOptions(batch=(1, 4, 8) if made.dynamic else None))
    config.num_compute_capabilities = len(capabilities)
    for index, name in enumerate(capabilities):
        config.set_compute_capability(getattr(trt.ComputeCapability, name), index)
    if made.builder.build_serialized_network(made.network, config) is not None:
        return [], made.network.num_layers
    messages = made.messages or ["the builder gave no reason"]
    return [by_message(message) for message in messages], made.network.num_layers


if __name__ == "__main__":
    serve(lambda message: verdict_of(Path(message["source"])))
