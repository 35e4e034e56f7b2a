from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import click
import pytest
from broker import Broker, free_port
from click.testing import CliRunner, Result
from recorded_devices import orin_nano
from small_bundles import small_bundle
from small_videos import frames_of, null_bundle, write_video

from edgecv.bundle import Variant
from edgecv.cli.run import command
from edgecv.data.mot_rows import read_rows
from edgecv.engines import build_engine
from edgecv.errors import BundleError, DataError, EdgecvError, UsageError
from edgecv.runtime.power import PowerMeter
from edgecv.runtime.summary import engine_alone

ZONES = {
    "size": [64, 48],
    "lines": [{"name": "step", "points": [[0, 20], [64, 20]]}],
    "zones": [{"name": "lawn", "points": [[0, 0], [64, 0], [64, 48], [0, 48]]}],
}
HEADS = ["stream", "frames", "done", "dropped", "fps", "age", "p50", "p90", "p99", "tracks"]
SERVER = Path(__file__).parents[1] / "rtsp_server.py"


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An own cache, and an engine that is timed alone for less than a second."""
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("edgecv.cli.run.engine_alone", partial(engine_alone, seconds=0.05))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return null_bundle(tmp_path / "bundle").folder


def run(*arguments: object) -> Result:
    given = [str(argument) for argument in arguments]
    return CliRunner().invoke(command, given, catch_exceptions=False, standalone_mode=False)


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edgecv", "run", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))},
    )


def wait_until(condition: object, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_a_video_goes_through_into_every_file(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 12)
    out = tmp_path / "out"
    out.mkdir()
    files = [out / name for name in ("o.mp4", "o.jsonl", "o.txt", "crops")]
    options = zip(("--save", "--jsonl", "--mot", "--crops"), files, strict=True)
    told = json.loads(
        run(bundle, "--source", video, *(w for pair in options for w in pair), "--json").stdout
    )
    lines = lines_of(files[1])
    assert [line["frame"] for line in lines] == list(range(12))
    assert [line["time"] for line in lines] == [index / 10 for index in range(12)]
    # the null engine's ten boxes never move: those above the tracker's threshold keep their ids
    ids = {track["id"] for line in lines for track in line["tracks"]}
    assert len(frames_of(files[0])) == 12
    assert set(read_rows(files[2], sorted_by_frame=True).ids.tolist()) == ids
    assert len(list(files[3].rglob("*.jpg"))) == len(ids) == told["streams"]["v"]["tracks"]
    assert (told["frames_in"], told["processed"], told["dropped"]) == (12, 12, {})
    assert (told["variant"], told["tracker"], told["problems"]) == ("null-fp32", "botsort", [])
    assert 0 < told["ceiling"] < 1
    assert told["stages_ms"]["track"]["p50"] > 0


def test_the_summary_fits_eighty_columns(tmp_path: Path, bundle: Path) -> None:
    videos = [write_video(tmp_path / f"a-rather-long-name-of-{n}.mp4", 6) for n in "ab"]
    sources = [word for video in videos for word in ("--source", video)]
    told = run(bundle, *sources, "--tracker", "none", "--every", 2).stdout
    lines = told.splitlines()
    assert max(map(len, lines)) <= 80
    whole = next(line.split() for line in lines if line.split()[:1] == ["all"])
    assert whole[1:4] == ["12", "6", "6"]
    assert "dropped: 6 by --every" in lines
    # names are cut, figures never
    assert sum(line.startswith(" a-rather-") and line.count("…") < 2 for line in lines) == 2
    assert any(line.split() == HEADS for line in lines)
    assert "bound by" in told


def test_a_jetson_tells_its_power_and_heat(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = orin_nano(tmp_path / "device")
    monkeypatch.setattr("edgecv.cli.run.PowerMeter", lambda: PowerMeter(device))
    video = write_video(tmp_path / "v.mp4", 6)
    told = json.loads(run(bundle, "--source", video, "--tracker", "none", "--json").stdout)
    assert (told["power_w"], told["power_of"]) == (7.0, "VDD_IN")
    assert told["mj_per_frame"] == pytest.approx(
        7e3 * sum(told["readings"]["seconds"]) / 6,
        abs=7e3 * 0.02 / 6,  # they are rounded
    )
    assert (told["temperature_c"], told["temperature_of"]) == (51.2, "tj-thermal")
    text = run(bundle, "--source", video, "--tracker", "none").stdout
    assert "7.0 W; " in text
    assert " mJ a frame; 51 C at most" in text


def test_stdout_holds_the_lines_alone_when_they_go_there(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 3)
    result = run(bundle, "--source", video, "--jsonl", "-")
    assert [json.loads(line)["frame"] for line in result.stdout.splitlines()] == [0, 1, 2]
    assert "bound by" in result.stderr
    with pytest.raises(UsageError, match="both write to stdout"):
        run(bundle, "--source", video, "--jsonl", "-", "--json")


def test_classes_and_scores_choose_what_is_seen(tmp_path: Path, bundle: Path) -> None:
    video, out = write_video(tmp_path / "v.mp4", 2), tmp_path / "o.jsonl"
    asked = ("--tracker", "none", "--classes", "class 0, class 2", "--conf", "0.7")
    run(bundle, "--source", video, "--jsonl", out, *asked)
    seen = [(one["class"], one["score"]) for one in lines_of(out)[1]["tracks"]]
    assert seen == [("class 0", 0.95), ("class 2", 0.85), ("class 0", 0.8), ("class 2", 0.7)]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--fps", "nan"), ("--fps", "inf"), ("--duration", "nan"), ("--duration", "1e999"),
     ("--conf", "nan")],
)  # fmt: skip
def test_a_number_that_is_none_is_refused(bundle: Path, option: str, value: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a finite number"):
        run(bundle, "--source", "conveyor://", option, value)


def test_a_class_that_does_not_exist_is_refused_with_one_that_does(
    tmp_path: Path, bundle: Path
) -> None:
    video = write_video(tmp_path / "v.mp4", 2)
    with pytest.raises(UsageError, match=r"no class 'clas 1'.*did you mean 'class 1'"):
        run(bundle, "--source", video, "--classes", "clas 1")


def test_a_score_decides_which_box_starts_a_track(tmp_path: Path, bundle: Path) -> None:
    video, out = write_video(tmp_path / "v.mp4", 4), tmp_path / "o.jsonl"

    def scores(*options: object) -> list[float]:
        run(bundle, "--source", video, "--jsonl", out, *options)
        return sorted(track["score"] for track in lines_of(out)[-1]["tracks"])

    # the null engine's scores go from 0.95 down to 0.5; BoT-SORT asks for 0.7 by itself
    assert min(scores()) == pytest.approx(0.7)
    assert min(scores("--conf", 0.6)) == pytest.approx(0.6)
    assert scores("--conf", 0.93) == [pytest.approx(0.95)]


def test_a_run_without_tracks_says_what_would_give_some(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 4)
    told = run(bundle, "--source", video, "--conf", 0.99).stdout
    assert "v: no tracks, but boxes of scores up to 0.95; weaker ones start tracks" in told
    assert "--conf 0.8" in told or "--conf 0.9" in told
    assert "no tracks" not in run(bundle, "--source", video).stdout


def test_a_run_that_leaves_most_boxes_without_a_track_says_so(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 4)
    told = run(bundle, "--source", video, "--conf", 0.94).stdout
    assert re.search(r"v: 4 of \d+ boxes from 0.25 on are in tracks; --conf 0\.4", told)
    assert "in tracks" not in run(bundle, "--source", video, "--conf", 0.4).stdout


def test_a_camera_that_never_answers_fails_the_run_and_says_why(bundle: Path) -> None:
    camera = f"rtsp://127.0.0.1:{free_port()}/door"
    arguments = [str(bundle), "--source", camera, "--duration", "1", "--json"]
    done = CliRunner().invoke(command, arguments)
    assert isinstance(done.exception, EdgecvError)
    assert re.search(r"^no frame came: .*refused", str(done.exception))
    assert done.stderr.count("Trying again") == 1
    (stream,) = json.loads(done.stdout)["streams"].values()
    assert (stream["broken"], "refused" in stream["away"]) == (True, True)


def test_a_camera_that_takes_the_call_and_stays_silent_fails_the_run_too(bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        camera = f"rtsp://127.0.0.1:{server.getsockname()[1]}/door"
        done = CliRunner().invoke(command, [str(bundle), "--source", camera, "--duration", "1"])
    reason = "no frame came: 127.0.0.1-door: gave nothing until the run ended"
    assert str(done.exception) == reason
    assert reason in done.stdout.splitlines()
    assert "milliseconds a frame" not in done.stdout
    assert "first result" not in done.stdout


def test_a_camera_that_never_answers_beside_another_is_told_in_the_summary(
    tmp_path: Path, bundle: Path
) -> None:
    camera = f"rtsp://127.0.0.1:{free_port()}/door"
    sources = ("--source", camera, "--source", write_video(tmp_path / "v.mp4", 4))
    told = run(bundle, *sources, "--duration", 1).stdout
    assert re.search(r"^no frame came: rtsp://127\.0\.0\.1:\d+/door: .*refused", told, re.MULTILINE)
    assert "no frame came: v" not in told


def test_variables_in_addresses_are_looked_up(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "${A}.mp4", 2)
    monkeypatch.setenv("A", str(tmp_path))
    monkeypatch.setenv("B", "${A}")  # a value is not looked into
    told = json.loads(run(bundle, "--source", "${A}/${B}.mp4", "--json").stdout)
    assert told["processed"] == 2
    for option, address in (
        ("--source", "rtsp://me:${CAMERA_}@door/"),
        ("--mqtt", "mqtt://${CAMERA_}@broker"),
    ):
        with pytest.raises(UsageError) as caught:
            run(bundle, "--source", "conveyor://", option, address)
        assert str(caught.value) == (
            f"{option} {address}: no CAMERA_ in the environment. Set it; for a service, by a line "
            "CAMERA_=VALUE in /etc/edgecv/NAME.env"
        )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("rtsp://me:secret@/", r"^rtsp://\*\*\*@/: no host in it"),
        ("http://me:secret@camera/", r"^http://\*\*\*@camera/: no source 'http:'"),
        ("rtsp://me:secret]@camera/", r"^--source: malformed \(Invalid IPv6 URL\)"),
        ("rtsp://me:secret\u2100@camera/", r"^--source: malformed \(netloc '\*\*\*@camera'"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(
    bundle: Path, source: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        run(bundle, "--source", source)
    assert "secret" not in str(caught.value)


def test_zones_are_counted_in_every_result(tmp_path: Path, bundle: Path) -> None:
    video, zones = write_video(tmp_path / "v.mp4", 6), tmp_path / "zones.json"
    zones.write_text(json.dumps(ZONES))
    out, saved = tmp_path / "o.jsonl", tmp_path / "o.mp4"
    options = ("--zones", zones, "--jsonl", out, "--save", saved)
    told = json.loads(run(bundle, "--source", video, *options, "--json").stdout)
    last = lines_of(out)[-1]
    inside = last["counts"]["lawn"]["inside"]
    assert sum(inside.values()) == len(last["tracks"]) > 0
    assert last["counts"]["step"] == {"in": {}, "out": {}}
    assert last["crossings"] == []
    assert told["streams"]["v"]["counts"] == last["counts"]
    # the line is drawn, in white on the grey picture
    drawn = frames_of(saved)[-1].to_ndarray(format="bgr24")
    assert drawn[20, 44:60].mean() > 200
    table = run(bundle, "--source", video, "--zones", zones).stdout
    assert "lines and zones" in table
    assert max(map(len, table.splitlines())) <= 80
    with pytest.raises(UsageError, match="drop --tracker none"):
        run(bundle, "--source", video, "--zones", zones, "--tracker", "none")


def test_zones_that_are_wrong_are_refused_before_anything_is_written(
    tmp_path: Path, bundle: Path
) -> None:
    video, zones, out = (
        write_video(tmp_path / "v.mp4", 2),
        tmp_path / "z.json",
        tmp_path / "o.jsonl",
    )
    zones.write_text(json.dumps({"size": [64, 48], "lines": [{"name": "a"}]}))
    with pytest.raises(UsageError, match=r"z\.json: 1 problem\n  lines\.0\.points: missing"):
        run(bundle, "--source", video, "--zones", zones, "--jsonl", out)
    assert not out.exists()


def test_the_belt_scores_the_tracks_against_its_own_truth(tmp_path: Path) -> None:
    belt = ("--source", "conveyor://?size=64x64&fps=50", "--max-frames", 20, "--policy", "every")
    folder = null_bundle(tmp_path / "parts", ("gear", "nut", "thing")).folder
    told = json.loads(run(folder, *belt, "--json").stdout)
    score = told["streams"]["conveyor"]["score"]
    assert (score["frames"], sorted(score["classes"])) == (20, ["gear", "nut"])
    assert score["HOTA"] < 50  # the null engine sees nothing
    assert "against its own truth, 20 frames" in run(folder, *belt).stdout
    other = null_bundle(tmp_path / "other").folder
    assert "none of the classes of its truth" in run(other, *belt).stdout


def test_the_live_page_and_the_metrics_are_there_while_it_runs(
    tmp_path: Path, bundle: Path
) -> None:
    process = started(
        *(bundle, "--source", "conveyor://?size=64x64&fps=20", "--json"),
        *("--serve", "127.0.0.1:0", "--metrics", "0"),
    )
    try:
        assert process.stderr is not None
        addresses = [process.stderr.readline().split(": ", 1) for _ in range(2)]
        assert [name for name, _ in addresses] == ["live page", "metrics"]
        page, metrics = (address.strip() for _, address in addresses)
        with urlopen(page, timeout=10) as answer:
            assert b"<title>edgecv run</title>" in answer.read()
        with urlopen(metrics, timeout=10) as answer:
            assert b'edgecv_frames_in_total{stream="conveyor"}' in answer.read()
        with urlopen(f"{page}events", timeout=10) as events:
            # somebody looks, and goes on looking while it ends
            assert events.readline().startswith(b"event: ")
            process.send_signal(signal.SIGTERM)
            stdout, stderr = process.communicate(timeout=20)
            assert b"event: end" in events.read()
    finally:
        process.kill()
    assert (process.returncode, stderr) == (0, "")
    assert json.loads(stdout)["processed"] > 0


def test_what_takes_long_to_import_waits_until_it_is_needed() -> None:
    slow = {"scipy", "paho", "http.server", "av"}
    program = f"import sys, edgecv.cli.run; print({slow} & set(sys.modules) or 'none')"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout == "none\n"


def test_a_port_in_use_and_one_without_a_token_are_refused(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGECV_TOKEN", raising=False)
    video, out = write_video(tmp_path / "v.mp4", 2), tmp_path / "o.jsonl"
    asked = ("--source", video, "--jsonl", out)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("--serve", "--metrics"):
            with pytest.raises(UsageError, match=f"{option} 127.0.0.1:{port}: another program"):
                run(bundle, *asked, option, port)
    with pytest.raises(UsageError, match=r"needs a token.*EDGECV_TOKEN"):
        run(bundle, *asked, "--serve", "0.0.0.0:0")
    assert not out.exists()


def test_results_go_to_a_broker_and_a_lost_one_fails_the_command(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "v.mp4", 12)
    broker = Broker(tmp_path / "broker")
    asked = (bundle, "--source", video, "--mqtt", f"mqtt://127.0.0.1:{broker.port}/plant")
    told = json.loads(run(*asked, "--json").stdout)
    # twelve frames and offline; online where the run is longer than connecting takes
    assert told["mqtt"]["sent"] in (13, 14)
    assert (told["mqtt"]["waiting"], told["mqtt"]["dropped"]) == (0, 0)
    broker.stop()
    monkeypatch.setattr("edgecv.runtime.sinks.mqtt.CLOSE_S", 0.1)
    with pytest.raises(EdgecvError, match="ended with a problem"):
        run(*asked)


def test_the_belt_runs_for_the_time_it_was_given(tmp_path: Path, bundle: Path) -> None:
    out = tmp_path / "o.jsonl"
    belt = "conveyor://?size=64x64&fps=20"
    told = json.loads(
        run(bundle, "--source", belt, "--duration", 1, "--jsonl", out, "--json").stdout
    )
    stats = told["streams"]["conveyor"]
    assert 5 <= stats["processed"] <= 30
    assert stats["processed"] + sum(stats["dropped"].values()) == stats["frames_in"]
    assert told["seconds"] <= 1.5


def test_a_video_that_ends_early_is_processed_and_the_command_fails(
    tmp_path: Path, bundle: Path
) -> None:
    video, out = write_video(tmp_path / "v.avi", 60, (320, 240), "mpeg4"), tmp_path / "o.jsonl"
    data = video.read_bytes()
    video.write_bytes(data[: data.index(b"movi") + 3000])
    with pytest.raises(EdgecvError, match="ended with a problem, said above") as caught:
        run(bundle, "--source", video, "--jsonl", out)
    assert caught.value.exit_status == 1
    assert len(lines_of(out)) >= 1


def test_what_cannot_be_opened_is_refused_before_anything_is_written(
    tmp_path: Path, bundle: Path
) -> None:
    (tmp_path / "v.mp4").touch()
    with pytest.raises(DataError, match="the file is empty") as caught:
        run(bundle, "--source", tmp_path / "v.mp4", "--jsonl", tmp_path / "o.jsonl")
    assert caught.value.exit_status == 2
    assert not (tmp_path / "o.jsonl").exists()


def test_a_source_is_never_written_over(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 2)
    before = video.read_bytes()
    with pytest.raises(UsageError, match="is a source; name another file"):
        run(bundle, "--source", video, "--save", video)
    with pytest.raises(UsageError, match=r"o\.avi: what is written is MP4"):
        run(bundle, "--source", video, "--save", tmp_path / "o.avi")
    for option in ("--save", "--jsonl", "--mot"):
        with pytest.raises(UsageError, match=r"there is no folder .*nowhere\. Make it"):
            run(bundle, "--source", video, option, tmp_path / "nowhere" / "o.mp4")
        with pytest.raises(UsageError, match="is a folder; name a file in it"):
            run(bundle, "--source", video, option, tmp_path)
    for crops in (video, video / "crops"):
        with pytest.raises(UsageError, match=r"is a file or in one; name a folder"):
            run(bundle, "--source", video, "--crops", crops)
    assert video.read_bytes() == before


def test_a_changed_byte_in_the_bundle_is_refused(tmp_path: Path) -> None:
    opened = small_bundle(tmp_path / "bundle")
    built = opened.path("engines")
    built.mkdir()
    made = build_engine("openvino", opened.path("model.onnx"), built, "openvino-fp32")
    file = f"engines/{made.file}"
    opened.add_variants(
        Variant(name="openvino-fp32", engine="openvino", precision="fp32", file=file)
    )
    opened.save()
    weights = opened.path("engines/openvino-fp32.bin")
    data = bytearray(weights.read_bytes())
    data[0] ^= 1
    weights.write_bytes(data)
    video = write_video(tmp_path / "v.mp4", 2)
    with pytest.raises(BundleError, match=r"openvino-fp32\.bin: not the file of the manifest"):
        run(opened.folder, "--source", video)


def test_without_a_place_for_a_cache_it_runs_all_the_same(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "file"))
    result = run(bundle, "--source", write_video(tmp_path / "v.mp4", 2))
    assert "cannot keep the compiled network" in result.stderr
    assert "bound by" in result.stdout


def test_an_engine_that_the_bundle_lacks_is_refused(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 2)
    with pytest.raises(BundleError, match="no variant openvino; it has null-fp32"):
        run(bundle, "--source", video, "--engine", "openvino")
    run(bundle, "--source", video, "--engine", "null-fp32")
    none = small_bundle(tmp_path / "none").folder
    with pytest.raises(BundleError, match="none of its engines runs here; it has none"):
        run(none, "--source", video)


def test_ctrl_c_ends_it_with_a_video_that_plays(tmp_path: Path, bundle: Path) -> None:
    out, lines = tmp_path / "o.mp4", tmp_path / "o.jsonl"
    belt = "conveyor://?size=64x64&fps=20"
    process = started(bundle, "--source", belt, "--save", out, "--jsonl", lines)
    try:
        wait_until(lambda: lines.exists() and lines.read_text().count("\n") > 5)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, stderr) == (0, "")
    assert "bound by" in stdout
    assert len(frames_of(out)) == len(lines_of(lines)) > 5


def test_a_reader_who_leaves_ends_it_without_a_traceback(tmp_path: Path, bundle: Path) -> None:
    process = started(bundle, "--source", "conveyor://?size=64x64", "--jsonl", "-")
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
        process.wait(20)
    finally:
        process.kill()
        process.stderr.close()
    assert process.returncode == 1
    assert "nobody reads the results any more" in told
    assert "Traceback" not in told
    assert "Exception ignored" not in told


@contextmanager
def served(video: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A real RTSP server on loopback."""
    python = next((p for p in ("/usr/bin/python3",) if _has_server(p)), None)
    if python is None or not shutil.which("gst-launch-1.0"):
        message = "no RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi"
        if os.environ.get("EDGECV_CI"):
            pytest.fail(message)
        pytest.skip(message)
    arguments = [python, str(SERVER), str(video), str(port)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "listening\n"
            yield server
        finally:
            server.kill()


def _has_server(python: str) -> bool:
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    return not subprocess.run([python, "-c", check], capture_output=True).returncode


def test_a_network_camera_that_is_cut_off_comes_back_while_the_other_runs_on(
    tmp_path: Path, bundle: Path
) -> None:
    video, out, port = write_video(tmp_path / "v.mp4", 600), tmp_path / "o.jsonl", free_port()
    address = f"rtsp://me:secret@127.0.0.1:{port}/camera"

    def count(name: str) -> int:
        text = out.read_text() if out.exists() else ""
        return text.count(f'"source": "{name}"')

    camera = "127.0.0.1-camera"
    with served(video, port):
        process = started(
            *(bundle, "--source", address, "--source", "conveyor://?size=64x64&fps=10"),
            *("--jsonl", out, "--json"),
        )
        try:
            wait_until(lambda: count(camera) > 3)
        except BaseException:
            process.kill()
            raise
    try:
        before, belt = count(camera), count("conveyor")
        wait_until(lambda: count("conveyor") > belt + 5)
        with served(video, port):
            wait_until(lambda: count(camera) > before + 5)
            process.send_signal(signal.SIGTERM)
            stdout, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    told = json.loads(stdout)["streams"][camera]
    assert (told["breaks"], told["broken"], told["problem"]) == (1, False, None)
    assert "Trying again" in stderr
    assert "back after" in stderr
    assert "secret" not in stdout + stderr
    times = [line["time"] for line in lines_of(out) if line["source"] == camera]
    assert times == sorted(times)
