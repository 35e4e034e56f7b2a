"""Small HTTP servers of a run: an address, and threads that never hold up the loop."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from edgecv.errors import UsageError

# connections at once: each is a thread. More are closed as they come
CONNECTIONS_MAX = 64
# seconds in which a client has to say what it wants, and to take what it is given
PATIENCE_S = 10.0


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(option: str, text: str) -> Address:
    """The address of `8080`, `127.0.0.1:8080`, `localhost:8080` or `[::1]:8080`.

    Args:
        option: name of the option, for the message.
        text: a port alone is of this machine only; port 0 is any that is free.

    Raises:
        UsageError: none of these.
    """
    match = re.fullmatch(r"(?:(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):)?(\d{1,5})", text)
    if match is None or int(match[3]) > 65535:
        raise UsageError(f"{option} {text}: expected HOST:PORT, for example 127.0.0.1:8080")
    return Address(match[1] or match[2] or "127.0.0.1", int(match[3]))


class Listener:
    """A server that is bound when it is made, and answers from `start` to `close`.

    Args:
        option: name of the option, for the message.
        address: where; its port may be 0.
        handler: answers one request.

    Attributes:
        address: with the port that it has.

    Raises:
        UsageError: the port is in use, or this machine has no such address.
    """

    def __init__(
        self, option: str, address: Address, handler: type[BaseHTTPRequestHandler]
    ) -> None:
        try:
            self._server = _Server(address, handler)
        except OSError as error:
            raise UsageError(f"{option} {address}: {_why(error)}") from error
        self.address, self._started = Address(address.host, self._server.server_port), False

    def start(self, told: object) -> None:
        """Answer from now on; handlers find `told` as `self.server.told`."""
        self._server.told, self._started = told, True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """Take no more requests; those that are answered end by themselves."""
        if self._started:
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    told: Any = None

    def __init__(self, address: Address, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._seats = threading.BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__((address.host, address.port), handler)

    def server_bind(self) -> None:
        # as the standard one, without asking the network for this machine's name
        socket_ = self.socket
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        socket_.bind(self.server_address)
        self.server_address = socket_.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._seats.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # one that has gone, or that took too long, is no news
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers without a log: addresses may hold secrets, and months of them fill a disk."""

    timeout = PATIENCE_S
    server_version, sys_version = "edgecv", ""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        """Send one whole answer; names of headers with _ for -."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program uses this port. Name another one"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "this machine has no such address. 0.0.0.0 stands for all that it has"
    if error.errno == errno.EACCES:
        return "ports below 1024 are for root. Name a higher one"
    return error.strerror or str(error)
