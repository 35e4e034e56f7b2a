"""A bundle to a device: copied, verified, built, tried out, and only then live; else as before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecv.bundle import Bundle
from edgecv.errors import EdgecvError
from edgecv.progress import say
from edgecv.shipping import versions
from edgecv.shipping.place import Place, find_place
from edgecv.shipping.remote import Remote
from edgecv.shipping.restart import has_service, restart
from edgecv.shipping.trust import open_bundle


@dataclass(frozen=True)
class Order:
    """What to deploy and how.

    Attributes:
        folder: the bundle's.
        path: folder on the device, relative to the home of the user there.
        command: how edgecv is called there, as words of a shell.
        engine: what is built there; None: tensorrt where it can be.
        source: what the new version is tried on.
        service: started again when it runs PATH/current.
        keep: how many old versions stay.
    """

    folder: Path
    path: str
    command: str
    engine: str | None
    source: str
    service: str
    keep: int


@dataclass(frozen=True)
class Deployed:
    """What a deployment did, ready for JSON.

    Attributes:
        host: where.
        path: PATH/current there, absolute.
        version, before: what it leads to, and led to; empty: nothing.
        engine: what was built there, or None.
        fps: frames a second of the test.
        service: what was started again, or None.
        removed: old versions that are gone.
    """

    host: str
    path: str
    version: str
    before: str
    engine: str | None
    fps: float
    service: str | None
    removed: list[str]


def deploy(remote: Remote, order: Order) -> Deployed:
    """Make a bundle the one that runs on a device.

    Raises:
        BundleError: it is not in order here.
        EdgecvError: the device cannot be reached, or a step failed there; what ran before runs.
    """
    open_bundle(order.folder)
    bundle = Bundle.open(order.folder)
    place = find_place(remote, order.command, order.path)
    version = versions.version_of(bundle)
    try:
        engine, fps = _prepare(place, bundle, version, order)
    except BaseException:
        _forget(place, version)
        raise
    service = _go_live(place, version, order.service)
    return Deployed(
        host=remote.destination,
        path=f"{place.path}/current",
        version=version,
        before=place.before,
        engine=engine,
        fps=fps,
        service=service,
        removed=versions.prune(place, version, order.keep),
    )


def _prepare(place: Place, bundle: Bundle, version: str, order: Order) -> tuple[str | None, float]:
    megabytes = sum(record.size_bytes for record in bundle.manifest.files.values()) / 1e6
    say(f"copying {megabytes:.1f} MB to {place.remote.destination}:{place.path}/{version}")
    versions.send(place, bundle, version)
    engine = order.engine or versions.engine_for(place, bundle)
    if engine is not None:
        say(f"building {engine} there")
        versions.build(place, version, engine)
    say(f"trying it on {versions.FRAMES} frames of {order.source}")
    return engine, versions.try_out(place, version, order.source)


def _go_live(place: Place, version: str, service: str) -> str | None:
    running = has_service(place, service)
    try:
        versions.switch(place, version)
        if running:
            say(f"starting service {service} again")
            restart(place, service)
    except BaseException as error:
        told = _roll_back(place, version, service if running else None)
        if isinstance(error, EdgecvError):
            error.args = (f"{error}. {told}",)
        raise
    if not running:
        say(f"no service {service} runs {place.path}/current there, so none is started again")
        return None
    return service


def _roll_back(place: Place, version: str, service: str | None) -> str:
    """Make what was live before live again; says how that went."""
    was = place.before or "nothing"
    try:
        versions.switch(place, place.before)
        if service is not None and place.before:
            restart(place, service)
    except EdgecvError as error:
        return f"Rolling back to {was} failed too: {error}"
    _forget(place, version)
    return f"Rolled back: {was} is live"


def _forget(place: Place, version: str) -> None:
    try:
        versions.remove(place, version)
    except EdgecvError:
        # the connection is gone; the version is not live, and a later deployment removes it
        return
