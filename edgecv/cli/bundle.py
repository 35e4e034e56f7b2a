"""edgecv bundle: sign a bundle, verify it, and make one file of it and back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from edgecv.bundle import BUILT, Bundle
from edgecv.cli._stopping import ended_by_sigterm
from edgecv.errors import UsageError
from edgecv.output import locked
from edgecv.shipping.keys import (
    SIGNING_KEY,
    TRUSTED,
    TRUSTED_VARIABLE,
    config_folder,
    is_encrypted,
    key_id,
    make_key,
    public_file,
    read_private,
    read_public,
    trusted_keys,
)

PATH = click.Path(path_type=Path)
PASSPHRASE = "EDGECV_PASSPHRASE"  # noqa: S105 - a variable's name


@click.group(name="bundle")
def command() -> None:
    """Sign and verify a bundle, pack it into one file for shipping."""


@command.command()
@click.option("--out", type=PATH, help=f"Default: ~/.config/edgecv/{SIGNING_KEY}.")
@click.option("--passphrase", is_flag=True, help=f"Ask for one, or take ${PASSPHRASE}.")
def keygen(out: Path | None, passphrase: bool) -> None:
    """Make a key to sign bundles with.

    It is a private file, and a .pub file for those who verify.
    """
    path = out or config_folder() / SIGNING_KEY
    name = make_key(path, _passphrase(path, confirm=True) if passphrase else None)
    click.echo(f"key      {name}\nprivate  {path}\npublic   {public_file(path)}")


@command.command()
@click.argument("bundle", type=PATH)
@click.option("--key", type=PATH, help=f"Private key. Default: ~/.config/edgecv/{SIGNING_KEY}.")
def sign(bundle: Path, key: Path | None) -> None:
    """Sign BUNDLE with a private key; a signature it has is replaced."""
    from edgecv.shipping.signature import sign

    opened, path = Bundle.open(bundle), key or config_folder() / SIGNING_KEY
    passphrase = _passphrase(path) if is_encrypted(path) else None
    private = read_private(path, passphrase)
    with locked(bundle):  # a build would go on as in a bundle without signature
        name = sign(opened, private)
    click.echo(f"{bundle}: {len(opened.manifest.files)} files signed by key {name}")


@command.command()
@click.argument("bundle", type=PATH)
@click.option(
    "--key", "keys", type=PATH, multiple=True, help="Public key; instead of the trusted ones."
)
def verify(bundle: Path, keys: tuple[Path, ...]) -> None:
    """Compare every file with what a trusted key signed.

    Exit status 2: BUNDLE differs.
    """
    from edgecv.shipping.contents import refuse
    from edgecv.shipping.trust import verify

    known = {key_id(key): key for key in map(read_public, keys)} or trusted_keys()
    if not known:
        raise UsageError(
            f"no trusted keys. Name one with --key FILE, or put .pub files into "
            f"{config_folder() / TRUSTED} (or ${TRUSTED_VARIABLE})"
        )
    found = verify(bundle, known)
    built = [name for name in found.bundle.manifest.files if name.startswith(f"{BUILT}/")]
    wrong = [f"{name} is changed" for name in built if found.bundle.is_changed(name)]
    refuse(bundle, wrong, f"Remove {bundle / BUILT} and build again")
    here = f", {len(built)} file{'s' * (len(built) > 1)} built here" if built else ""
    click.echo(f"{bundle}: as signed by key {found.key}{here}")


@command.command()
@click.argument("bundle", type=PATH)
@click.option("--out", type=PATH, help="The archive. Default: BUNDLE.tar.")
def pack(bundle: Path, out: Path | None) -> None:
    """Make one file of BUNDLE.

    The same bytes on every machine, without what was built here.
    """
    from edgecv.shipping.archive import SUFFIX, pack

    opened = Bundle.open(bundle)
    path = out or Path(f"{bundle.absolute().name}{SUFFIX}")
    with ended_by_sigterm():
        size = pack(opened, path)
    click.echo(f"{path}: {size / 1e6:.2f} MB")


@command.command()
@click.argument("file", type=PATH)
@click.option("--out", type=PATH, help="The bundle's folder. Default: FILE without .tar.")
def unpack(file: Path, out: Path | None) -> None:
    """Make a bundle of FILE, - for stdin.

    It is verified before it gets its name.
    """
    from edgecv.shipping.unpack import unpack

    if str(file) == "-":
        if out is None:
            raise UsageError("from stdin no name is known: name the folder with --out")
        with ended_by_sigterm():
            unpack(sys.stdin.buffer, "the archive on stdin", out)
        click.echo(str(out))
        return
    if file.is_dir():
        raise UsageError(f"{file}: a folder; expected an archive of edgecv bundle pack")
    if not file.is_file():
        raise UsageError(f"{file}: no such file; expected an archive of edgecv bundle pack")
    folder = out or file.with_suffix("")
    with file.open("rb") as stream, ended_by_sigterm():
        unpack(stream, str(file), folder)
    click.echo(str(folder))


def _passphrase(path: Path, *, confirm: bool = False) -> str:
    given = os.environ.get(PASSPHRASE)
    if given:
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"{path}: needs a passphrase. Give it in ${PASSPHRASE}")
    asked: str = click.prompt(f"Passphrase of {path}", hide_input=True, confirmation_prompt=confirm)
    return asked
