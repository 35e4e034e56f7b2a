from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from signed_bundles import built_bundle, own_config, trust

from edgecv.cli import build
from edgecv.cli.bundle import command
from edgecv.errors import BundleError, UsageError
from edgecv.output import locked
from edgecv.shipping.keys import public_file


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return own_config(tmp_path / "config", monkeypatch)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return built_bundle(tmp_path / "bundle").folder


def call(*arguments: object, stdin: bytes = b"") -> Result:
    given = [str(argument) for argument in arguments]
    return CliRunner().invoke(
        command, given, input=stdin, catch_exceptions=False, standalone_mode=False
    )


def test_a_key_signs_and_its_public_half_verifies(bundle: Path, config: Path) -> None:
    told = call("keygen").stdout.split()
    assert told[::2] == ["key", "private", "public"]
    assert told[3] == str(config / "signing.key")
    assert f"4 files signed by key {told[1]}" in call("sign", bundle).stdout
    assert f"as signed by key {told[1]}\n" in call("verify", bundle, "--key", told[5]).stdout


def test_verify_needs_a_key_and_takes_the_trusted_ones(bundle: Path, config: Path) -> None:
    call("keygen")
    call("sign", bundle)
    with pytest.raises(UsageError, match=r"no trusted keys\. Name one with --key"):
        call("verify", bundle)
    trust(public_file(config / "signing.key"))
    assert "as signed" in call("verify", bundle).stdout
    (bundle / "report.json").write_text("better")
    with pytest.raises(BundleError, match=r"report\.json is changed"):
        call("verify", bundle)


def test_verify_looks_at_what_was_built_here_too(bundle: Path, config: Path) -> None:
    call("keygen", "--out", "key")
    call("sign", bundle, "--key", "key")
    CliRunner().invoke(
        build.command, [str(bundle), "--engine", "onnxruntime"], catch_exceptions=False
    )
    assert ", 1 file built here" in call("verify", bundle, "--key", "key.pub").stdout
    (engine,) = (bundle / "built").glob("*/*")
    engine.unlink()
    with pytest.raises(BundleError, match=r"onnx is changed.*build again"):
        call("verify", bundle, "--key", "key.pub")


def test_a_passphrase_comes_from_the_environment_where_nobody_can_be_asked(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"needs a passphrase. Give it in \$EDGECV_PASSPHRASE"):
        call("keygen", "--passphrase")
    monkeypatch.setenv("EDGECV_PASSPHRASE", "open sesame")
    call("keygen", "--passphrase")
    assert "signed by key" in call("sign", bundle).stdout
    monkeypatch.delenv("EDGECV_PASSPHRASE")
    with pytest.raises(UsageError, match="needs a passphrase"):
        call("sign", bundle)


def test_pack_and_unpack_name_what_they_make(bundle: Path, tmp_path: Path) -> None:
    told = call("pack", bundle).stdout
    assert told.startswith("bundle.tar: 0.0")
    with pytest.raises(BundleError, match="bundle: is there already"):
        call("unpack", "bundle.tar")
    assert call("unpack", "bundle.tar", "--out", "b/two").stdout == "b/two\n"
    call("pack", "b/two", "--out", "two.tar")
    assert Path("two.tar").read_bytes() == Path("bundle.tar").read_bytes()
    assert call("unpack", "two.tar").stdout == "two\n"


def test_unpack_reads_from_a_pipe(bundle: Path) -> None:
    call("pack", bundle)
    content = Path("bundle.tar").read_bytes()
    assert call("unpack", "-", "--out", "piped", stdin=content).stdout == "piped\n"
    with pytest.raises(UsageError, match="name the folder with --out"):
        call("unpack", "-", stdin=content)
    with pytest.raises(BundleError, match="the archive on stdin: ends early"):
        call("unpack", "-", "--out", "half", stdin=content[:1000])


def test_an_archive_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.tar: no such file"):
        call("unpack", "absent.tar")
    with pytest.raises(BundleError, match="no manifest"):
        call("pack", tmp_path / "absent")


def test_the_help_cuts_no_line() -> None:
    assert "..." not in call("--help").stdout.partition("Commands:")[2]


def test_a_bundle_in_which_a_build_works_is_not_signed(bundle: Path) -> None:
    call("keygen")
    with locked(bundle), pytest.raises(BundleError, match=r"process \d+ works there now"):
        call("sign", bundle)
    assert not (bundle / "signature.json").exists()


def test_an_unpacking_that_is_ended_leaves_nothing(bundle: Path, tmp_path: Path) -> None:
    call("pack", bundle, "--out", tmp_path / "a.tar")
    place = tmp_path / "place"
    process = subprocess.Popen(
        [sys.executable, "-m", "edgecv", "bundle", "unpack", "-", "--out", str(place / "out")],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write((tmp_path / "a.tar").read_bytes()[:2000])
    process.stdin.flush()
    end = time.monotonic() + 30
    while not list(place.glob(".unpack-*/manifest.json")) and time.monotonic() < end:
        time.sleep(0.02)
    process.terminate()
    assert process.wait(30) == 130
    process.stdin.close()
    assert list(place.iterdir()) == []
