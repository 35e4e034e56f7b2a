"""The address of an MQTT broker, whose password is never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from edgecv.errors import UsageError

PORTS = {"mqtt": 1883, "mqtts": 8883}
TOPIC = "edgecv"
EXPECTED = (
    "mqtt://[user:password@]host[:1883][/topic], or mqtts:// with ?ca=FILE&cert=FILE&key=FILE"
)


@dataclass(frozen=True)
class Broker:
    """Where messages go; its text holds neither user nor password."""

    scheme: str
    host: str
    port: int
    topic: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    files: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/{self.topic}"


def parse_broker(text: str) -> Broker:
    """The broker of a URL; see EXPECTED.

    Raises:
        UsageError: it is none; the message does not repeat what may be a password.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--mqtt: {error}. Expected {EXPECTED}") from error
    topic = unquote(parts.path).strip("/") or TOPIC
    files = {key: values[-1] for key, values in parse_qs(parts.query, True).items()}
    allowed = {"ca", "cert", "key"} if parts.scheme == "mqtts" else set()
    if parts.scheme not in PORTS or not parts.hostname or set(files) - allowed:
        raise UsageError(f"--mqtt: expected {EXPECTED}")
    if "#" in text or re.search(r"[+#\x00]", topic):
        raise UsageError("--mqtt: a topic has no + and no #; in a password # is %23")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    port = port or PORTS[parts.scheme]
    return Broker(parts.scheme, parts.hostname, port, topic, user, password, files)
