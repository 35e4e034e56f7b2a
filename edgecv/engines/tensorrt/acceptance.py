"""Whether NVIDIA's current parser and builder accept a graph; needs no GPU.

TensorRT for RTX builds for a GPU that is not there. That proves that the graph is accepted, not
that its convolutions run in int8 on another TensorRT.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgecv.child import Child, ChildEndedError, serve

Verdict = dict[str, Any]

# Ampere, the family of Orin, whose own SM87 this builder does not offer
CAPABILITY = "SM86"
MOST_PICTURES = 8  # a call, where the file leaves the batch open
PIP_LINE = "pip install tensorrt-rtx"


def accept(source: Path, timeout_s: float = 300.0) -> Verdict:
    """Build an ONNX file with TensorRT for RTX, in a process of its own since it may abort.

    Returns:
        {"accepted", "version", "capability", "seconds", "layers", "errors": [{"node", "op",
        "reason"}]}. "accepted" is None where there is no verdict, with a "reason" instead.
    """
    if find_spec("tensorrt_rtx") is None:
        return {"accepted": None, "reason": f"tensorrt_rtx is not installed: {PIP_LINE}"}
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

    from edgecv.engines.tensorrt.network import add_profile, by_message, is_dynamic, read_network

    start = time.perf_counter()
    made = read_network(tensorrt_rtx, source)
    errors = made.refusals
    if not errors:
        config = made.builder.create_builder_config()
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(tensorrt_rtx.ComputeCapability, CAPABILITY), 0)
        if is_dynamic(made):
            add_profile(made, config, MOST_PICTURES)
        if made.builder.build_serialized_network(made.network, config) is None:
            messages = made.messages or ["the builder gave no reason"]
            errors = [by_message(message) for message in messages]
    return {
        "accepted": not errors,
        "version": f"TensorRT-RTX {tensorrt_rtx.__version__}",
        "capability": CAPABILITY,
        "seconds": round(time.perf_counter() - start, 2),
        "layers": int(made.network.num_layers),
        "errors": errors,
    }


if __name__ == "__main__":
    serve(lambda message: verdict_of(Path(message["source"])))
