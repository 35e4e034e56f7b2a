"""Ed25519 keys: made once and kept private; and the public ones that this user trusts.

    ~/.config/edgecv/signing.key        private, mode 600; signing.key.pub stands beside it
    ~/.config/edgecv/trusted_keys/*     public keys whose bundles run here
    /etc/xdg/edgecv/trusted_keys/*      the same, for every user of the machine

$XDG_CONFIG_HOME and $XDG_CONFIG_DIRS move them; $EDGECV_TRUSTED_KEYS, a file or a folder, replaces
the last two.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from edgecv.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

TRUSTED_VARIABLE = "EDGECV_TRUSTED_KEYS"
TRUSTED = "trusted_keys"
SIGNING_KEY = "signing.key"


def config_folder() -> Path:
    """`edgecv` in $XDG_CONFIG_HOME, or ~/.config/edgecv."""
    own = _absolute(os.environ.get("XDG_CONFIG_HOME", ""))
    return (own[0] if own else Path.home() / ".config") / "edgecv"


def _absolute(folders: str) -> list[Path]:
    # others mean nothing, says the specification: they would be of wherever it is called
    return [Path(one) for one in folders.split(os.pathsep) if os.path.isabs(one)]


def public_file(private: Path) -> Path:
    """Where the public half of a private key stands."""
    return private.with_name(private.name + ".pub")


def make_key(path: Path, passphrase: str | None = None) -> str:
    """Write a new private key, mode 600, and its public half beside it; gives the key's id.

    Raises:
        UsageError: one of the two files is there already; nothing is overwritten.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for file in (path, public_file(path)):
        if file.exists() or file.is_symlink():
            raise UsageError(
                f"{file}: is there already, and a key is never overwritten. "
                "Name another file with --out"
            )
    key = Ed25519PrivateKey.generate()
    encryption = (
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase.encode())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    try:
        private = key.private_bytes(pem, pkcs8, encryption)
    except ValueError as error:
        raise UsageError(f"this passphrase cannot be used: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    write_secret(path, private)
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    public_file(path).write_bytes(key.public_key().public_bytes(pem, public))
    return key_id(key.public_key())


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read.

    Raises:
        FileExistsError: it is there already.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(handle)
    except OSError:
        path.unlink()  # half of it would be in the way
        raise


def key_id(key: Ed25519PublicKey) -> str:
    """Fingerprint: the first 32 hex digits of the sha256 of the key's 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:32]


def read_private(path: Path, passphrase: str | None = None) -> Ed25519PrivateKey:
    """A private key that `make_key` wrote.

    Raises:
        UsageError: there is none, others may read it, or the passphrase is not the right one.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not path.is_file():
        raise UsageError(f"{path}: no private key here. Make one: edgecv bundle keygen")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{path}: others may read this private key. Keep it: chmod 600 {path}")
    password = None if passphrase is None else passphrase.encode()
    try:
        key = load_pem_private_key(path.read_bytes(), password)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UsageError(f"{path}: cannot be read as a private key ({reason})") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: no Ed25519 key. Make one: edgecv bundle keygen")
    return key


def is_encrypted(path: Path) -> bool:
    """Whether a private key needs a passphrase."""
    return path.is_file() and b"-----BEGIN ENCRYPTED" in path.read_bytes()


def read_public(path: Path) -> Ed25519PublicKey:
    """A public key in PEM.

    Raises:
        UsageError: the file is none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        content = path.read_bytes()
        if content.count(b"-----BEGIN") > 1:  # the first alone would be read
            raise UsageError(f"{path}: more than one key. Give each a file of its own")
        key = load_pem_public_key(content)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        reason = getattr(error, "strerror", None) or "no PEM"
        raise UsageError(
            f"{path}: not a public key ({reason}); expected a .pub file of edgecv bundle keygen. "
            "Put it right or take it away"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path}: a public key, but no Ed25519 one. Take it away")
    return key


def trusted_keys() -> dict[str, Ed25519PublicKey]:
    """The keys whose bundles run here, by id; empty: nobody has said whom to trust.

    Raises:
        UsageError: what was configured cannot be read. It must not be as if nothing was.
    """
    own = os.environ.get(TRUSTED_VARIABLE)
    if own:
        files = _files_in(Path(own))
        if not files:
            raise UsageError(f"{own}: no key here, and ${TRUSTED_VARIABLE} says to trust these")
    else:
        machine = _absolute(os.environ.get("XDG_CONFIG_DIRS", "")) or [Path("/etc/xdg")]
        folders = [config_folder(), *(folder / "edgecv" for folder in machine)]
        files = [file for folder in folders for file in _files_in(folder / TRUSTED)]
    return {key_id(key): key for key in map(read_public, files)}


def _files_in(place: Path) -> list[Path]:
    try:
        if not is_there(place):
            return []
        # every file, whatever its name: one that is passed over would trust less than it seems
        folder = stat.S_ISDIR(place.stat().st_mode)
        return sorted(place.iterdir()) if folder else [place]
    except OSError as error:
        raise UsageError(
            f"{place}: cannot be read ({error.strerror}), and keys that are trusted there must not "
            "be passed over. Let this user read it"
        ) from error


def is_there(path: Path) -> bool:
    """Whether something has that name. Who may not look gets an error, and no answer.

    Raises:
        OSError: it cannot be told. `Path.exists` would say no, from Python 3.14 on.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
