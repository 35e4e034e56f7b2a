"""An ONNX file as a TensorRT network, the same way in every version, refusals told by node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from edgecv.engines.tensorrt.installing import how_to_install
from edgecv.errors import EngineError, MissingExtraError, pip


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

    @property
    def layers(self) -> list[Any]:
        return [self.network.get_layer(index) for index in range(self.network.num_layers)]

    @property
    def inputs(self) -> list[Any]:
        return [self.network.get_input(index) for index in range(self.network.num_inputs)]

    @property
    def dynamic(self) -> bool:
        """Whether an input has a size that the file leaves open."""
        return any(min(tuple(tensor.shape), default=0) < 0 for tensor in self.inputs)


def vendor(reason: str) -> Any:
    """The package of TensorRT, or else of TensorRT for RTX.

    Raises:
        MissingExtraError: neither is installed.
        EngineError: it is installed, but not the libraries that it needs.
    """
    problem: ImportError | None = None
    for name in ("tensorrt", "tensorrt_rtx"):
        try:
            return __import__(name)
        except ModuleNotFoundError as error:
            problem = problem or error
        except ImportError as error:
            raise EngineError(
                f"{reason}: the package {name} does not load: {error}. On a Jetson it is the "
                "system's: sudo apt install nvidia-jetpack; elsewhere: "
                f"{pip()} install --force-reinstall {name.replace('_', '-')}"
            ) from error
    raise MissingExtraError("tensorrt", "tensorrt", reason, how_to_install()) from problem


def is_strongly_typed(trt: Any) -> bool:
    """Whether networks of this version keep the types of the file, which then decide the speed."""
    if "STRONGLY_TYPED" not in trt.NetworkDefinitionCreationFlag.__members__:
        return False
    if "INT8" not in trt.BuilderFlag.__members__:
        return True  # there is no other way any more
    version = tuple(int(part) for part in re.findall(r"\d+", trt.__version__)[:2])
    return version >= (10, 12)  # by number: from 10.0 on it was there, and no name tells it works


def read_network(trt: Any, source: Path) -> Network:
    """Parse an ONNX file; a refusal is in the result, not an exception.

    Raises:
        EngineError: TensorRT does not start, as where it finds no driver.
    """
    messages: list[str] = []
    log = collector(trt, messages)
    try:
        builder = trt.Builder(log)
    except TypeError as error:  # pybind11's word for a constructor that gave nothing
        told = "; ".join(messages) or "it gave no reason; mostly there is no NVIDIA driver"
        raise EngineError(
            f"TensorRT {trt.__version__} does not start: {told}. "
            "See what this machine has: edgecv doctor"
        ) from error
    network = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(network, log)
    accepted = parser.parse_from_file(str(source))
    refusals = [_refusal(parser.get_error(index)) for index in range(parser.num_errors)]
    if not accepted and not refusals:
        refusals = [by_message(message) for message in messages]
    return Network(trt, builder, network, parser, refusals, is_strongly_typed(trt), messages)


def collector(trt: Any, messages: list[str]) -> Any:
    """A logger of TensorRT that prints nothing, and adds errors to `messages`."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                messages.append(message)

    return Log()


def _network_flags(trt: Any) -> int:
    # by name, never by number: flags move between majors
    known = trt.NetworkDefinitionCreationFlag.__members__
    if is_strongly_typed(trt):
        return 1 << int(known["STRONGLY_TYPED"])
    # later versions have no networks without a batch and ignore it
    return 1 << int(known["EXPLICIT_BATCH"]) if "EXPLICIT_BATCH" in known else 0


def _refusal(error: Any) -> dict[str, str]:
    # node_name and node_operator are newer than the parser of JetPack 5
    name, operator = (
        str(getattr(error, key, lambda: "")()) for key in ("node_name", "node_operator")
    )
    index = error.node()
    node = name or (f"#{index}" if index >= 0 else "")  # negative: the file as a whole
    return {"node": node, "op": operator, "reason": str(error.desc())}


def by_message(message: str) -> dict[str, str]:
    """A refusal out of a log message, which names its node in words."""
    found = re.search(r"(?:for node|node)[ :]+\[?\"?([\w./+-]+)", message, re.IGNORECASE)
    return {"node": found.group(1).rstrip(".") if found else "", "op": "", "reason": message}
