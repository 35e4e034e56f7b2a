"""The live page and the metrics of `edgecv run`."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecv.progress import say
from edgecv.runtime.running import Running
from edgecv.runtime.sinks import Sink

if TYPE_CHECKING:
    from edgecv.runtime.listening import Address, Listener
    from edgecv.runtime.live.access import Access
    from edgecv.runtime.live.hub import Hub


@dataclass(frozen=True)
class Services:
    """Ports that are bound already.

    Attributes:
        page: the live page's, with what it shows and to whom; None: not asked for.
        metrics: those for Prometheus, or None.
    """

    page: tuple[Listener, Hub, Access] | None = None
    metrics: Listener | None = None

    @property
    def sinks(self) -> list[Sink]:
        """Those that have to be told of results."""
        return [] if self.page is None else [self.page[1]]

    def start(self, running: Running) -> None:
        """Answer, and say where."""
        if self.page is not None:
            from edgecv.runtime.live.page import Served

            listener, hub, access = self.page
            listener.start(Served(running, hub, access))
            say(f"live page: http://{_shown(listener.address)}/")
        if self.metrics is not None:
            self.metrics.start(running)
            say(f"metrics: http://{_shown(self.metrics.address)}/metrics")


@contextmanager
def listening(
    serve: str | None, metrics: str | None, class_names: Sequence[str]
) -> Iterator[Services]:
    """Bind the ports that were asked for, and free them at the end.

    Raises:
        UsageError: an address that is none or in use, or one that needs a token.
    """
    with ExitStack() as closing:
        page = None if serve is None else _page(serve, class_names)
        if page is not None:
            closing.callback(page[0].close)
        told = None if metrics is None else _metrics(metrics)
        if told is not None:
            closing.callback(told.close)
        yield Services(page, told)


def _page(serve: str, class_names: Sequence[str]) -> tuple[Listener, Hub, Access]:
    from edgecv.runtime.listening import Listener, parse_address
    from edgecv.runtime.live.access import Access, token_of_environment
    from edgecv.runtime.live.hub import Hub
    from edgecv.runtime.live.page import PageHandler

    address = parse_address("--serve", serve)
    access = Access(address, token_of_environment())
    return Listener("--serve", address, PageHandler), Hub(class_names), access


def _metrics(metrics: str) -> Listener:
    from edgecv.runtime.listening import Listener, parse_address
    from edgecv.runtime.prometheus import MetricsHandler

    return Listener("--metrics", parse_address("--metrics", metrics), MetricsHandler)


def _shown(address: Address) -> Address:
    # what stands for all addresses of a machine is none to type into a browser
    every = address.host in ("0.0.0.0", "::")  # noqa: S104
    return address._replace(host=socket.gethostname()) if every else address
