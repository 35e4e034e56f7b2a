from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import onnx
import pytest
import torch
from detectors import yolo_onnx

from edgecv.bundle import Bundle, Manifest, sha256_of
from edgecv.errors import ModelError, UsageError, WeightsError
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.yolox import VARIANTS, Yolox, YoloxConfig
from edgecv.recipe import LoadSettings
from edgecv.stages import Context
from edgecv.stages.load import find_weights, run

SMALL = YoloxConfig(channels=8, blocks=1, depthwise=True, classes=3)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    (tmp_path / "bundle").mkdir()
    return Bundle(tmp_path / "bundle", Manifest())


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save({"model": Yolox(SMALL).state_dict()}, tmp_path / "net.pth")
    return tmp_path / "net.pth"


def names(bundle: Bundle) -> list[str]:
    return sorted(path.name for path in bundle.folder.iterdir())


def test_a_checkpoint_becomes_weights_spec_and_labels(bundle: Bundle, checkpoint: Path) -> None:
    metrics = run(bundle, LoadSettings(classes=("a", "b c", "d")), Context(weights=str(checkpoint)))
    assert names(bundle) == ["labels.txt", "weights.safetensors"]
    assert (bundle.folder / "labels.txt").read_text("utf-8") == "a\nb c\nd\n"
    expected, found = (
        read_checkpoint(checkpoint),
        read_checkpoint(bundle.path("weights.safetensors")),
    )
    assert set(expected) == set(found)
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    spec = bundle.spec
    assert (spec.name, spec.class_names) == ("yolox", ("a", "b c", "d"))
    assert (spec.input.width, spec.input.height, spec.input.align) == (640, 640, "top-left")
    assert metrics == {
        "weights": str(checkpoint),
        "sha256": sha256_of(checkpoint),
        "source": "checkpoint",
        "architecture": "yolox",
        "classes": 3,
        "summary": "yolox, 3 classes, 640x640",
    }


def test_the_official_nano_is_recognised(bundle: Bundle, shared: Path) -> None:
    weights = shared / "data" / "weights" / "yolox_nano.pth"
    run(bundle, LoadSettings(weights=str(weights)), Context())
    assert (bundle.spec.name, bundle.spec.input.width) == ("yolox_nano", 416)
    assert bundle.spec.class_names[:2] == ("person", "bicycle")


@pytest.mark.parametrize(("name", "size"), [("yolox_tiny", 416), ("yolox_s", 640)])
def test_variants_have_the_size_they_were_trained_with(
    bundle: Bundle, tmp_path: Path, name: str, size: int
) -> None:
    state = Yolox(YoloxConfig(*VARIANTS[name], classes=80)).state_dict()
    torch.save(state, tmp_path / "net.pt")
    run(bundle, LoadSettings(), Context(weights=str(tmp_path / "net.pt")))
    assert (bundle.spec.name, bundle.spec.input.width) == (name, size)


def test_the_size_of_the_settings_wins(bundle: Bundle, checkpoint: Path) -> None:
    settings = LoadSettings(classes=("a", "b", "c"), input_size=320)
    run(bundle, settings, Context(weights=str(checkpoint)))
    assert (bundle.spec.input.width, bundle.spec.input.height) == (320, 320)


def test_weights_of_the_command_win_over_those_of_the_recipe(
    bundle: Bundle, checkpoint: Path
) -> None:
    settings = LoadSettings(weights="nowhere.pth", classes=("a", "b", "c"))
    assert run(bundle, settings, Context(weights=str(checkpoint)))["weights"] == str(checkpoint)


@pytest.mark.parametrize(
    ("head", "align"), [("yolox", "top-left"), ("yolov8", "center"), ("yolov5", "center")]
)
def test_an_onnx_file_becomes_source_and_spec(
    bundle: Bundle, tmp_path: Path, head: str, align: str
) -> None:
    onnx.save(yolo_onnx(head, names="['a', 'b', 'c']"), tmp_path / "plant.onnx")
    metrics = run(bundle, LoadSettings(), Context(weights=str(tmp_path / "plant.onnx")))
    assert names(bundle) == ["labels.txt", "source.onnx"]
    assert onnx.load(bundle.path("source.onnx")) == onnx.load(tmp_path / "plant.onnx")
    spec = bundle.spec
    assert (spec.name, spec.class_names) == ("plant", ("a", "b", "c"))
    assert (spec.input.width, spec.input.height, spec.input.align) == (64, 64, align)
    assert (metrics["source"], metrics["head"], metrics["classes"]) == ("onnx", head, 3)


def test_weights_beside_an_onnx_file_come_inside(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "d.onnx"
    onnx.save(
        yolo_onnx("yolov8"), path, save_as_external_data=True, location="d.bin", size_threshold=0
    )
    run(bundle, LoadSettings(classes=("a", "b", "c")), Context(weights=str(path)))
    (tmp_path / "d.bin").unlink()
    graph = onnx.load(bundle.path("source.onnx")).graph
    assert all(weight.raw_data for weight in graph.initializer)


def test_names_of_the_settings_win_over_unreadable_ones_of_the_file(
    bundle: Bundle, tmp_path: Path
) -> None:
    onnx.save(yolo_onnx("yolov8", names="?"), tmp_path / "d.onnx")
    context = Context(weights=str(tmp_path / "d.onnx"))
    with pytest.raises(ModelError, match="class names in the metadata"):
        run(bundle, LoadSettings(), context)
    run(bundle, LoadSettings(classes=("a", "b", "c")), context)
    assert bundle.spec.class_names == ("a", "b", "c")


def test_no_weights_at_all_tells_what_they_can_be(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=r"no weights given: --weights takes .*yolox_nano"):
        run(bundle, LoadSettings(), Context())


@pytest.mark.parametrize("weights", ["nowhere.pth", "yolox_huge", "."])
def test_weights_that_are_nowhere_tell_what_they_can_be(bundle: Bundle, weights: str) -> None:
    with pytest.raises(WeightsError, match=r"(no such file|a folder); --weights takes"):
        run(bundle, LoadSettings(), Context(weights=weights))


def test_names_are_asked_for_before_anything_is_written(bundle: Bundle, checkpoint: Path) -> None:
    with pytest.raises(UsageError, match=r"3 classes and nothing tells their names"):
        run(bundle, LoadSettings(), Context(weights=str(checkpoint)))
    assert names(bundle) == []


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("EDGECV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "site").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Quiet, directory=str(tmp_path / "site"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_weights_are_fetched_from_an_address(
    bundle: Bundle, checkpoint: Path, site: str, tmp_path: Path
) -> None:
    shutil.copy(checkpoint, tmp_path / "site")
    url = f"{site}/net.pth#sha256={sha256_of(checkpoint)}"
    run(bundle, LoadSettings(classes=("a", "b", "c")), Context(weights=url))
    assert bundle.path("weights.safetensors").is_file()


@pytest.mark.parametrize("name", ["net.pth", "net.onnx", "net.safetensors", "net"])
def test_a_page_instead_of_weights_does_not_stay_in_the_cache(
    site: str, tmp_path: Path, name: str
) -> None:
    (tmp_path / "site" / name).write_text("<html>please sign in</html>")
    with pytest.raises(WeightsError, match="fetched 27 bytes that are not usable and not kept"):
        find_weights(f"{site}/{name}")
    files = [path.name for path in (tmp_path / "cache" / "weights").iterdir()]
    assert [name for name in files if not name.endswith(".lock")] == []


def test_a_local_file_of_a_known_name_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("yolox_nano").write_bytes(b"x")
    assert find_weights("yolox_nano") == Path("yolox_nano")


def test_a_bundle_is_weights_with_its_class_names_and_its_size(
    bundle: Bundle, checkpoint: Path, tmp_path: Path
) -> None:
    run(bundle, LoadSettings(classes=("a", "b c", "d"), input_size=96), Context(str(checkpoint)))
    bundle.save()
    assert find_weights(str(bundle.folder)) == bundle.path("weights.safetensors")
    (tmp_path / "again").mkdir()
    again = Bundle(tmp_path / "again", Manifest())
    run(again, LoadSettings(), Context(str(bundle.folder)))
    assert again.spec == bundle.spec
    (tmp_path / "other").mkdir()
    other = Bundle(tmp_path / "other", Manifest())
    run(other, LoadSettings(input_size=64), Context(str(bundle.folder)))
    assert (other.spec.input.width, other.spec.class_names) == (64, ("a", "b c", "d"))


def test_a_bundle_of_an_onnx_file_gives_that_file_and_its_names(
    bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(yolo_onnx("yolov8", size=None), path)
    run(bundle, LoadSettings(classes=("a", "b", "c"), input_size=64), Context(str(path)))
    bundle.save()
    assert find_weights(str(bundle.folder)).name == "source.onnx"
    (tmp_path / "again").mkdir()
    again = Bundle(tmp_path / "again", Manifest())
    run(again, LoadSettings(), Context(str(bundle.folder)))
    assert again.spec.class_names == ("a", "b", "c")


def test_a_bundle_without_weights_or_with_changed_ones_is_refused(
    bundle: Bundle, checkpoint: Path
) -> None:
    run(bundle, LoadSettings(classes=("a", "b", "c")), Context(str(checkpoint)))
    bundle.save()
    weights = bundle.path("weights.safetensors")
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match=r"weights\.safetensors: changed since"):
        find_weights(str(bundle.folder))
    weights.unlink()
    with pytest.raises(WeightsError, match="a bundle without weights"):
        find_weights(str(bundle.folder))
