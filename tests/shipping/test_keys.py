from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from signed_bundles import trust

from edgecv.errors import UsageError
from edgecv.shipping.keys import (
    TRUSTED,
    is_encrypted,
    key_id,
    make_key,
    public_file,
    read_private,
    read_public,
    trusted_keys,
    write_secret,
)


def test_a_key_is_private_and_its_public_half_stands_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    name = make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert {file.name for file in path.parent.iterdir()} == {"key", "key.pub"}
    assert key_id(read_private(path).public_key()) == name
    assert key_id(read_public(public_file(path))) == name


def test_an_id_is_the_sha256_of_the_bytes_that_openssl_shows(tmp_path: Path) -> None:
    name = make_key(tmp_path / "key")
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", tmp_path / "key.pub", "-outform", "DER"],
        capture_output=True,
        check=True,
    ).stdout
    # 12 bytes say that the other 32 are an Ed25519 key
    assert name == hashlib.sha256(der[12:]).hexdigest()[:32]


@pytest.mark.parametrize("there", ["key", "key.pub"])
def test_no_key_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(UsageError, match=rf"{there}: is there already"):
        make_key(tmp_path / "key")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_a_secret_is_never_written_over_a_file(tmp_path: Path) -> None:
    write_secret(tmp_path / "secret", b"one")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "secret", b"two")
    assert (tmp_path / "secret").read_bytes() == b"one"


def test_a_passphrase_is_needed_and_has_to_be_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    name = make_key(path, "open sesame")
    assert is_encrypted(path)
    assert key_id(read_private(path, "open sesame").public_key()) == name
    for wrong in (None, "open barley"):
        with pytest.raises(UsageError, match="cannot be read as a private key"):
            read_private(path, wrong)


def test_a_passphrase_for_a_key_without_one_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert not is_encrypted(tmp_path / "key")
    with pytest.raises(UsageError, match="not encrypted"):
        read_private(tmp_path / "key", "x")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(UsageError, match=r"others may read this private key.*chmod 600"):
        read_private(tmp_path / "key")


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no private key here"):
        read_private(tmp_path / "absent")
    other = generate_private_key(SECP256R1())
    private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_secret(tmp_path / "other", private)
    with pytest.raises(UsageError, match="no Ed25519 key"):
        read_private(tmp_path / "other")
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "other.pub").write_bytes(public)
    with pytest.raises(UsageError, match="no Ed25519 one"):
        read_public(tmp_path / "other.pub")
    write_secret(tmp_path / "text", b"text")
    for read in (read_private, read_public):
        with pytest.raises(UsageError, match="text: "):
            read(tmp_path / "text")
    with pytest.raises(UsageError, match="No such file"):
        read_public(tmp_path / "absent")


def test_nobody_is_trusted_before_somebody_says_so(config: Path) -> None:
    assert trusted_keys() == {}
    (config / TRUSTED).mkdir(parents=True)
    assert trusted_keys() == {}


def test_keys_of_the_user_and_of_the_machine_are_trusted(tmp_path: Path, config: Path) -> None:
    names = [make_key(tmp_path / name) for name in ("mine", "ours")]
    trust(tmp_path / "mine.pub")
    machine = config.parent / "of-the-machine" / "edgecv" / TRUSTED
    machine.mkdir(parents=True)
    (machine / "any name").write_bytes((tmp_path / "ours.pub").read_bytes())
    assert set(trusted_keys()) == set(names)


def test_the_variable_replaces_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = make_key(tmp_path / "mine"), make_key(tmp_path / "other")
    trust(tmp_path / "mine.pub")
    assert set(trusted_keys()) == {mine}
    monkeypatch.setenv("EDGECV_TRUSTED_KEYS", str(tmp_path / "other.pub"))
    assert set(trusted_keys()) == {other}


@pytest.mark.parametrize("made", ["nothing", "folder"])
def test_a_variable_that_leads_to_no_key_does_not_mean_that_all_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    if made == "folder":
        (tmp_path / "keys").mkdir()
    monkeypatch.setenv("EDGECV_TRUSTED_KEYS", str(tmp_path / "keys"))
    with pytest.raises(UsageError, match="no key here"):
        trusted_keys()


def test_a_trusted_key_that_cannot_be_read_is_not_passed_over(tmp_path: Path, config: Path) -> None:
    make_key(tmp_path / "mine")
    trust(tmp_path / "mine.pub")
    (config / TRUSTED / "README").write_text("keys of the plant")
    with pytest.raises(UsageError, match=r"README: not a public key"):
        trusted_keys()
    (config / TRUSTED / "README").unlink()
    (config / TRUSTED / "gone.pub").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match=r"gone\.pub: not a public key"):
        trusted_keys()


@pytest.mark.parametrize("variable", ["XDG_CONFIG_DIRS", "XDG_CONFIG_HOME"])
def test_the_folder_of_the_call_is_no_place_for_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    folder = tmp_path / "here" / "edgecv" / TRUSTED
    folder.mkdir(parents=True)
    make_key(tmp_path / "evil")
    (folder / "evil.pub").write_bytes((tmp_path / "evil.pub").read_bytes())
    monkeypatch.chdir(tmp_path / "here")
    # an empty element is the folder of the call
    monkeypatch.setenv(variable, f"{tmp_path}/nowhere:" if variable.endswith("DIRS") else ".")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert trusted_keys() == {}


def test_keys_that_this_user_may_not_reach_are_not_none(
    monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    real = Path.lstat

    def refuses(path: Path) -> object:
        if path.name == TRUSTED:
            raise PermissionError(13, "Permission denied")
        return real(path)

    # as of Python 3.14, whose own answers are then no
    monkeypatch.setattr(Path, "lstat", refuses)
    monkeypatch.setattr(Path, "exists", lambda path, **_: False)
    monkeypatch.setattr(Path, "is_dir", lambda path, **_: False)
    with pytest.raises(UsageError, match=r"cannot be read \(Permission denied\)"):
        trusted_keys()


def test_a_file_of_two_keys_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_key(tmp_path / name)
    both = tmp_path / "both.pub"
    both.write_bytes(b"".join((tmp_path / f"{name}.pub").read_bytes() for name in ("a", "b")))
    with pytest.raises(UsageError, match="more than one key"):
        read_public(both)


def test_a_passphrase_that_cannot_be_used_leaves_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="passphrase"):
        make_key(tmp_path / "key", "x" * 5000)
    assert list(tmp_path.glob("key*")) == []
