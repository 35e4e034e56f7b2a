"""edgecv deploy: a bundle to a device over ssh, live only when it works there."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import click

from edgecv.cli._stopping import ended_by_sigterm
from edgecv.engines import ENGINES

PATH = click.Path(path_type=Path)


def service_name(text: str) -> str:
    """A name without `.service`, or nothing; systemd would take a pattern for many units."""
    name = text.removesuffix(".service")
    if name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.@:-]*", name):
        raise click.BadParameter("expected the name of one unit")
    return name


@click.command(name="deploy")
@click.argument("bundle", type=PATH)
@click.argument("host", metavar="USER@HOST")
@click.option("--path", help="Folder there. Default: edgecv/BUNDLE in the user's home.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of ssh there.")
@click.option("--identity", type=PATH, help="Private key for ssh.")
@click.option("--ssh-config", type=PATH, help="For ssh, instead of ~/.ssh/config.")
@click.option(
    "--remote-command", default="edgecv", show_default=True, help="How edgecv is called there."
)
@click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    help="Build this one there. Default: tensorrt where it can be built, else nothing.",
)
@click.option(
    "--source", default="conveyor://", show_default=True, help="Try the new version on this."
)
@click.option(
    "--service",
    default="edgecv",
    show_default=True,
    callback=lambda context, option, value: service_name(value),
    help="Started again, where it runs there; '': none is.",
)
@click.option(
    "--keep", type=click.IntRange(0), default=2, show_default=True, help="Old versions that stay."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a line.")
def command(
    bundle: Path,
    host: str,
    path: str | None,
    port: int | None,
    identity: Path | None,
    ssh_config: Path | None,
    remote_command: str,
    engine: str | None,
    source: str,
    service: str,
    keep: int,
    as_json: bool,
) -> None:
    """Copy BUNDLE to USER@HOST, verify it, build its engine and try it there; then switch to it.

    When a step fails, what ran there before runs on. PATH/current is a link to the version that
    is live; old versions stay in PATH/versions.
    """
    from edgecv.shipping.deploy import Order, deploy
    from edgecv.shipping.remote import Remote

    folder = path or f"edgecv/{bundle.absolute().name}"
    order = Order(bundle, folder, remote_command, engine, source, service, keep)
    with ended_by_sigterm(), Remote(host, port, identity, ssh_config) as remote:
        done = deploy(remote, order)
    if as_json:
        click.echo(json.dumps(asdict(done), indent=1))
        return
    click.echo(
        f"{done.host}:{done.path} is {done.version}; the test ran {done.variant} with "
        f"{done.fps:.1f} frames/s"
    )
