from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from edgecv.errors import UsageError
from edgecv.runtime import listening
from edgecv.runtime.listening import Address, Handler, Listener, parse_address

HERE = Address("127.0.0.1", 0)


class Echo(Handler):
    def do_GET(self) -> None:
        self.answer(200, "text/plain", f"{self.server.told} {self.path}".encode())  # type: ignore[attr-defined]


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener("--metrics", HERE, Echo)
    yield made
    made.close()


def get(address: Address, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


@pytest.mark.parametrize(
    ("text", "expected", "loopback"),
    [
        ("8080", Address("127.0.0.1", 8080), True),
        ("localhost:80", Address("localhost", 80), True),
        ("127.0.0.2:0", Address("127.0.0.2", 0), True),
        ("[::1]:8080", Address("::1", 8080), True),
        ("0.0.0.0:8080", Address("0.0.0.0", 8080), False),
        ("[::]:8080", Address("::", 8080), False),
        ("camera-3.local:8080", Address("camera-3.local", 8080), False),
    ],
)
def test_addresses_are_understood(text: str, expected: Address, loopback: bool) -> None:
    found = parse_address("--serve", text)
    assert (found, found.loopback) == (expected, loopback)
    assert str(found).endswith(text)


@pytest.mark.parametrize("text", ["", "host", "host:", ":8080", "h:99999", "http://h:1", "::1:80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected HOST:PORT, for example 127\.0\.0\.1:8080"):
        parse_address("--serve", text)


def test_requests_are_answered_with_what_the_run_told(
    listener: Listener, capfd: pytest.CaptureFixture[str]
) -> None:
    listener.start("run 1")
    assert listener.address.port > 0
    assert get(listener.address, "/a?token=secret") == (200, "run 1 /a?token=secret")
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_in_use_is_refused_in_a_line(listener: Listener) -> None:
    with pytest.raises(UsageError) as caught:
        Listener("--serve", listener.address, Echo)
    expected = f"--serve {listener.address}: another program uses this port. Name another one"
    assert str(caught.value) == expected


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(UsageError, match="this machine has no such address"):
        Listener("--serve", Address("192.0.2.1", 0), Echo)


def test_clients_that_say_nothing_leave_room_for_nobody_but_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "CONNECTIONS_MAX", 2)
    made = Listener("--serve", HERE, Echo)
    made.start("told")
    before = threading.active_count()
    silent = [socket.create_connection(made.address) for _ in range(5)]
    # the first two are waited for; the others are closed at once
    ends = []
    for one in silent[2:]:
        one.settimeout(5)
        ends.append(one.recv(1))
    assert ends == [b"", b"", b""]
    assert threading.active_count() <= before + 2
    for one in silent:
        one.close()
    made.close()


def test_a_client_that_vanishes_is_no_news(
    listener: Listener, capfd: pytest.CaptureFixture[str]
) -> None:
    listener.start("told")
    gone = socket.create_connection(listener.address)
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    gone.send(b"GET / HT")
    gone.close()  # with a reset
    assert get(listener.address, "/")[0] == 200
    assert capfd.readouterr().err == ""
