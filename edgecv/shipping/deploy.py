"""A bundle to a device: copied, verified, built, tried out, and only then live; else as before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecv.bundle import MANIFEST, Bundle, sha256_of
from edgecv.progress import bar, byte_bar, say
from edgecv.shipping import versions
from edgecv.shipping.archive import check_whole, shipped_names
from edgecv.shipping.place import Place, take_place
from edgecv.shipping.remote import Remote
from edgecv.shipping.trust import open_bundle


@dataclass(frozen=True)
class Order:
    """What to deploy and how.

    Attributes:
        folder: the bundle's.
        path: folder on the device, absolute or relative to the home of the user there.
        command: how edgecv is called there, as words of a shell.
        engine: what is built there; None: tensorrt where it can be.
        source: what the new version is tried on.
        service: started again when it runs PATH/current; empty: none is.
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
        variant: what the test ran.
        fps: frames a second of it.
        service: what was started again, or None.
        removed: old versions that are gone.
    """

    host: str
    path: str
    version: str
    before: str
    engine: str | None
    variant: str
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
    check_whole(bundle)
    digest = sha256_of(bundle.path(MANIFEST))[:12]
    with take_place(remote, order.command, order.path, digest, order.service) as place:
        if place.unjudged:
            say(
                f"{place.unjudged} went live in a deployment that was cut off before its service "
                f"came up: the way back is {place.before or 'nothing'}"
            )
        try:
            engine, variant, fps = _prepare(place, bundle, order)
        except KeyboardInterrupt:
            live = place.unjudged or place.before or "nothing"
            raise KeyboardInterrupt(f"stopped. Nothing was switched: {live} is live") from None
        removed = _go_live(place, order)
    return Deployed(
        host=remote.destination,
        path=f"{place.path}/current",
        version=place.version,
        before=place.before,
        engine=engine,
        variant=variant,
        fps=fps,
        service=order.service if place.service else None,
        removed=removed,
    )


def _prepare(place: Place, bundle: Bundle, order: Order) -> tuple[str | None, str, float]:
    engine = versions.engine_for(place, bundle, order.engine)
    size = sum(bundle.path(name).stat().st_size for name in shipped_names(bundle))
    say(f"copying {size / 1e6:.1f} MB to {place.remote.destination}:{place.path}/{place.version}")
    with byte_bar("", size) as sent:
        versions.send(place, bundle, sent)
    if engine is not None:
        long = "; a plan takes minutes" if engine == "tensorrt" else ""
        say(f"building {engine} there{long}")
        with bar("", None):
            versions.build(place, engine)
    say(f"trying it on {versions.FRAMES} frames of {order.source}, for {versions.TEST_S} s at most")
    with bar("", None):
        return engine, *versions.try_out(place, order.source, engine)


def _go_live(place: Place, order: Order) -> list[str]:
    if place.service:
        say(f"starting service {order.service} again")
    try:
        removed, stuck = place.go_live(versions.outlived(place, order.keep))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "stopped here. The device goes on by itself, to the new version or back: ask there, "
            f"readlink {place.path}/current"
        ) from None
    if stuck:
        say(
            f"{len(stuck)} old versions there have files that this user cannot remove: "
            f"sudo rm -rf {place.path}/versions/.gone-*"
        )
    if order.service and not place.service:
        say(f"no service {order.service} runs {place.path}/current there, so none is started again")
    return removed
