"""An ONNX file as a TensorRT network, the same way in every version, refusals told by node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from edgecv.errors import MissingExtraError


class Network(NamedTuple):
    """What the parser made. It holds the parser too, which owns the weights.

    Attributes:
        vendor: the module, tensorrt or tensorrt_rtx.
        refusals: what the parser refused: {"node", "op", "reason"} each; empty when it accepts.
        strongly_typed: whether the network's types are those of the file.
        messages: errors that TensorRT logs, also while it builds later.
    """

    vendor: Any
    builder: Any
    network: Any
    parser: Any
    refusals: list[dict[str, str]]
    strongly_typed: bool
    messages: list[str]


def vendor(reason: str) -> Any:
    """The package of TensorRT, or else of TensorRT for RTX.

    Raises:
        MissingExtraError: neither is installed.
    """
    try:
        import tensorrt

        return tensorrt
    except ImportError:
        pass
    try:
        import tensorrt_rtx

        return tensorrt_rtx
    except ImportError as error:
        raise MissingExtraError("tensorrt", "tensorrt", reason) from error


def read_network(trt: Any, source: Path) -> Network:
    """Parse an ONNX file; a refusal is in the result, not an exception."""
    messages: list[str] = []

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                messages.append(message)

    log = Log()
    builder = trt.Builder(log)
    flags, strongly_typed = _network_flags(trt)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, log)
    accepted = parser.parse_from_file(str(source))
    refusals = [_refusal(parser.get_error(index)) for index in range(parser.num_errors)]
    if not accepted and not refusals:
        refusals = [by_message(message) for message in messages]
    return Network(trt, builder, network, parser, refusals, strongly_typed, messages)


def _network_flags(trt: Any) -> tuple[int, bool]:
    # by name, never by number: flags move between majors
    known = trt.NetworkDefinitionCreationFlag.__members__
    version = tuple(int(part) for part in re.findall(r"\d+", trt.__version__)[:2])
    rtx = trt.__name__ == "tensorrt_rtx"
    if "STRONGLY_TYPED" in known and (rtx or version >= (10, 12)):  # unreliable before
        return 1 << int(known["STRONGLY_TYPED"]), True
    if "EXPLICIT_BATCH" in known and version < (10, 0):
        return 1 << int(known["EXPLICIT_BATCH"]), False
    return 0, rtx or version >= (11, 0)


def _refusal(error: Any) -> dict[str, str]:
    # node_name and node_operator are newer than the parser of JetPack 5
    name, operator = (
        str(getattr(error, key, lambda: "")()) for key in ("node_name", "node_operator")
    )
    index = error.node()
    node = name or (f"#{index}" if index >= 0 else "")  # negative: the file as a whole
    return {"node": node, "op": operator, "reason": str(error.desc())}


def is_dynamic(made: Network) -> bool:
    """Whether an input has a size that the file leaves open."""
    inputs = (made.network.get_input(index) for index in range(made.network.num_inputs))
    return any(min(tuple(tensor.shape), default=0) < 0 for tensor in inputs)


def add_profile(made: Network, config: Any, most: int) -> None:
    """Let every open size be 1 to `most`, which a builder must be told."""
    profile = made.builder.create_optimization_profile()
    for index in range(made.network.num_inputs):
        tensor = made.network.get_input(index)
        few, many = (
            tuple(size if size > 0 else count for size in tensor.shape) for count in (1, most)
        )
        profile.set_shape(tensor.name, few, few, many)
    config.add_optimization_profile(profile)


def by_message(message: str) -> dict[str, str]:
    """A refusal out of a log message, which names its node in words."""
    found = re.search(r"(?:for node|node)[ :]+\[?\"?([\w./+-]+)", message, re.IGNORECASE)
    return {"node": found.group(1).rstrip(".") if found else "", "op": "", "reason": message}
