"""Charts of the machine while it was timed: temperature and clocks over time."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edgecv.report.plot import Axis, Point, frame, padded, polyline
from edgecv.report.schema import DeviceReport

Column = Sequence[float | None]


def temperature(device: DeviceReport | None) -> Markup | None:
    """Degrees of the hottest zone over time; None where it was not told twice."""
    return _chart(device, "degrees C", {"temperature_c": "temperature"})


def clocks(device: DeviceReport | None) -> Markup | None:
    """MHz of CPU and GPU over time; None where neither was told twice."""
    return _chart(device, "MHz", {"cpu_mhz": "CPU", "gpu_mhz": "GPU"})


def _chart(device: DeviceReport | None, unit: str, columns: dict[str, str]) -> Markup | None:
    readings = device.readings if device else {}
    times = [time for time in readings.get("time_s", ()) if time is not None]
    lines = {
        name: _points(times, readings[key]) for key, name in columns.items() if key in readings
    }
    lines = {name: points for name, points in lines.items() if len(points) > 1}
    if not lines:
        return None
    x = Axis("seconds", 0, max(times))
    y = padded(unit, [value for points in lines.values() for _, value in points], "{:.0f}".format)
    marks = [polyline(x, y, points, f"line {name.lower()}") for name, points in lines.items()]
    marks += [
        polyline(x, y, span, "line held") for span in _held(times, readings.get("throttled", ()), y)
    ]
    told = "; ".join(
        f"{name} from {min(v for _, v in points):.0f} to {max(v for _, v in points):.0f} {unit}"
        for name, points in lines.items()
    )
    return frame(x, y, marks, f"While timing: {told}")


def _points(times: Sequence[float], values: Column) -> list[Point]:
    return [(time, value) for time, value in zip(times, values, strict=True) if value is not None]


def _held(times: Sequence[float], throttled: Column, y: Axis) -> list[list[Point]]:
    """Spans at the chart's foot in which something held the machine back."""
    begins = [0.0, *times]
    return [
        [(begins[index], y.low), (times[index], y.low)]
        for index, share in enumerate(throttled)
        if share
    ]
