from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from signed_bundles import built_bundle, signed_bundle, trust

from edgecv.bundle import BUILT, MANIFEST, SIGNATURE, Bundle
from edgecv.cli import group
from edgecv.errors import BundleError, EdgecvError, UsageError
from edgecv.shipping.keys import TRUSTED, make_key, read_private, trusted_keys
from edgecv.shipping.signature import sign
from edgecv.shipping.trust import open_bundle, verify

ROOT = Path(__file__).parents[2]


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_without_trusted_keys_any_bundle_is_opened(tmp_path: Path) -> None:
    bundle = built_bundle(tmp_path / "bundle")
    assert open_bundle(bundle.folder).manifest == bundle.manifest


def test_with_trusted_keys_only_what_they_signed_is_opened(tmp_path: Path) -> None:
    signed = signed_bundle(tmp_path / "signed")
    assert open_bundle(signed.folder).manifest == signed.manifest
    unsigned = built_bundle(tmp_path / "unsigned")
    with pytest.raises(BundleError, match="not signed, and only bundles of trusted keys run here"):
        open_bundle(unsigned.folder)


def test_trusted_keys_that_cannot_be_read_stop_everything(tmp_path: Path, config: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    (config / TRUSTED / "broken.pub").touch()
    with pytest.raises(UsageError, match=r"broken\.pub"):
        open_bundle(bundle.folder)


def test_a_flipped_bit_in_any_file_is_caught(tmp_path: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    paths, keys = files_of(bundle.folder), trusted_keys()
    assert {path.name for path in paths} == {
        *(MANIFEST, SIGNATURE, "model.onnx", "onnxruntime-int8.onnx", "quantization.json"),
        "report.json",
    }
    for path in paths:
        content = path.read_bytes()
        # the first byte, the last, and some between; each bit of a byte once
        for step in range(8):
            at = step * (len(content) - 1) // 7
            flipped = bytearray(content)
            flipped[at] ^= 1 << step
            path.write_bytes(flipped)
            with pytest.raises(BundleError):
                verify(bundle.folder, keys)
        path.write_bytes(content)
        verify(bundle.folder, keys)


def test_every_byte_of_the_signature_counts(tmp_path: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    path, keys = bundle.path(SIGNATURE), trusted_keys()
    content = path.read_bytes()
    for bit in range(0, 8 * len(content), 7):  # at least one of each byte
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(BundleError):
            verify(bundle.folder, keys)


def test_a_file_too_many_or_too_few_and_a_link_are_caught(tmp_path: Path) -> None:
    bundle, keys = signed_bundle(tmp_path / "bundle"), trusted_keys()
    stray = bundle.path("engines/stray.bin")
    stray.parent.mkdir()
    stray.touch()
    with pytest.raises(BundleError, match=r"Remove engines/stray\.bin$"):
        verify(bundle.folder, keys)
    stray.unlink()
    for name in ("model.onnx", SIGNATURE, MANIFEST):
        away = bundle.path(name).rename(tmp_path / "away")
        with pytest.raises(BundleError, match=r"missing|not signed|no manifest\.json here"):
            verify(bundle.folder, keys)
        if name == "model.onnx":
            bundle.path(name).symlink_to(away)
            with pytest.raises(BundleError, match=r"model\.onnx is a link"):
                verify(bundle.folder, keys)
            bundle.path(name).unlink()
        away.rename(bundle.path(name))
    verify(bundle.folder, keys)


def test_a_variant_without_a_hash_is_refused_also_when_it_is_signed(
    tmp_path: Path, config: Path
) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    path = bundle.path(MANIFEST)
    hidden = path.read_text().replace('"file": "model.onnx"', '"file": ".lock"')
    assert hidden != path.read_text()
    path.write_text(hidden)
    sign(Bundle.open(bundle.folder), read_private(config / "signing.key"))
    with pytest.raises(BundleError, match=r"opens \.lock, which has no hash"):
        verify(bundle.folder, trusted_keys())


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--source", "conveyor://", "--max-frames", "1"),
        ("build", "--engine", "onnxruntime"),
        ("bench", "--queries", "1", "--rounds", "1"),
        ("eval", "--engine", "onnxruntime", "--data", "."),
        ("eval", "--task", "track", "--data", "."),
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_command_runs_or_builds_an_engine_of_a_bundle_that_does_not_verify(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    bundle.path("report.json").write_text("better")  # no engine's file
    verb, *rest = arguments
    result = CliRunner().invoke(group, [verb, str(bundle.folder), *rest])
    assert isinstance(result.exception, BundleError)
    assert "report.json is changed" in str(result.exception)
    assert not bundle.path(BUILT).exists()


def test_no_command_opens_a_bundle_past_the_gate() -> None:
    # these print, sign, copy or make bundles; they run no engine that came from elsewhere
    apart = {"inspect.py", "bundle.py"}
    files = [path for path in (ROOT / "edgecv" / "cli").glob("*.py") if path.name not in apart]
    assert len(files) > 20
    assert [path.name for path in files if "Bundle.open(" in path.read_text()] == []


def test_a_key_that_signed_nothing_here_trusts_nothing_here(tmp_path: Path, config: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    for path in (config / TRUSTED).iterdir():
        path.unlink()
    make_key(tmp_path / "other")
    trust(tmp_path / "other.pub")
    with pytest.raises(EdgecvError, match="not trusted here"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("trusted", [True, False])
def test_an_engine_without_a_hash_is_not_opened(tmp_path: Path, trusted: bool) -> None:
    bundle = built_bundle(tmp_path / "bundle")
    path = bundle.path(MANIFEST)
    path.write_text(path.read_text().replace('"model.onnx": {', '"model.onny": {'))
    bundle.path("model.onnx").rename(bundle.path("model.onny"))
    if trusted:
        make_key(tmp_path / "key")
        trust(tmp_path / "key.pub")
        sign(Bundle.open(bundle.folder), read_private(tmp_path / "key"))
    with pytest.raises(BundleError, match=r"opens model\.onnx, which has no hash"):
        open_bundle(bundle.folder)


def test_a_folder_that_cannot_be_looked_into_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = signed_bundle(tmp_path / "bundle")

    def refuses(path: object, *_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuses)
    with pytest.raises(BundleError, match="cannot be read"):
        verify(bundle.folder, trusted_keys())
