"""The live page and the metrics of `edgecv run`."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from edgecv.progress import say
from edgecv.runtime.listening import Address, Listener, parse_address
from edgecv.runtime.live.access import Access, token_of_environment
from edgecv.runtime.live.hub import Hub
from edgecv.runtime.live.page import PageHandler, Served
from edgecv.runtime.prometheus import MetricsHandler
from edgecv.runtime.running import Running


@dataclass(frozen=True)
class Services:
    """Ports that are bound already.

    Attributes:
        hub: a sink of the live page, where it was asked for.
    """

    hub: Hub | None
    page: Listener | None
    access: Access | None
    metrics: Listener | None

    def start(self, running: Running) -> None:
        """Answer, and say where."""
        if self.page is not None and self.hub is not None and self.access is not None:
            self.page.start(Served(running, self.hub, self.access))
            say(f"live page: http://{_shown(self.page.address)}/")
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
    listeners: list[Listener] = []
    hub, page, access, told = None, None, None, None
    try:
        if serve is not None:
            address = parse_address("--serve", serve)
            access = Access(address, token_of_environment())
            hub, page = Hub(class_names), Listener("--serve", address, PageHandler)
            listeners.append(page)
        if metrics is not None:
            told = Listener("--metrics", parse_address("--metrics", metrics), MetricsHandler)
            listeners.append(told)
        yield Services(hub, page, access, told)
    finally:
        for listener in listeners:
            listener.close()


def _shown(address: Address) -> Address:
    # what stands for all addresses of a machine is none to type into a browser
    every = address.host in ("0.0.0.0", "::")  # noqa: S104
    return Address(socket.gethostname(), address.port) if every else address
