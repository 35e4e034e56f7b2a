"""Results to an MQTT broker: a message a frame, and the counts when they change."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

from edgecv.errors import EdgecvError, MissingExtraError, UsageError
from edgecv.progress import say
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.sinks._broker import Broker
from edgecv.runtime.sinks.jsonl import line_of
from edgecv.types import Detections

# messages that wait while the broker is away; a minute of one camera is some megabytes
WAITING_MAX = 1000
# seconds before a broker is tried again: doubled each time
BACKOFF_S = (1, 30)
CLOSE_S = 3.0


class Mqtt:
    """`TOPIC/STREAM/tracks`, a line of JSONL a frame; `TOPIC/STREAM/counts`, kept by the broker;
    `TOPIC/status`, online or offline. All at least once.

    Args:
        broker: reached in the background, whenever it is there.
        class_names: of the network.

    Raises:
        MissingExtraError: paho-mqtt is not installed.
        UsageError: a file for TLS cannot be used.
    """

    def __init__(self, broker: Broker, class_names: Sequence[str]) -> None:
        self._broker, self._names = broker, class_names
        self._counts: dict[str, str] = {}
        self._changed = threading.Condition()
        self._sent = self._waiting = self._dropped = 0
        self._connected, self._told_down, self._closing = False, False, False
        self._client = self._made()
        self._client.connect_async(broker.host, broker.port)
        self._client.loop_start()

    def _made(self) -> Any:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise MissingExtraError("paho-mqtt", "mqtt", f"--mqtt {self._broker}") from error
        client = Client(CallbackAPIVersion.VERSION2)
        broker, files = self._broker, self._broker.files
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.scheme == "mqtts":
            try:
                client.tls_set(files.get("ca"), files.get("cert"), files.get("key"))
            except (OSError, ValueError) as error:
                names = ", ".join(files.values())
                raise UsageError(f"--mqtt {broker}: {names}: not to be used ({error})") from error
        client.reconnect_delay_set(*BACKOFF_S)
        client.will_set(f"{broker.topic}/status", "offline", qos=1, retain=True)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail, client.on_publish = self._on_connect_fail, self._on_publish
        return client

    def write(self, frame: StreamFrame, found: Detections) -> None:
        line = line_of(frame, found, self._names)
        if frame.counted is not None:
            counts = json.dumps(frame.counted.to_json())
            if self._counts.get(frame.stream) != counts:
                self._counts[frame.stream] = counts
                self._publish(f"{frame.stream}/counts", counts, retain=True)
        self._publish(f"{frame.stream}/tracks", json.dumps(line))

    def _publish(self, name: str, text: str, *, retain: bool = False, always: bool = False) -> None:
        with self._changed:
            if self._waiting >= WAITING_MAX and not always:
                self._dropped += 1
                return
            self._waiting += 1
        self._client.publish(f"{self._broker.topic}/{name}", text, qos=1, retain=retain)

    def to_json(self) -> dict[str, Any]:
        """{"connected", "sent", "waiting", "dropped"}: messages."""
        with self._changed:
            return {
                "connected": self._connected,
                "sent": self._sent,
                "waiting": self._waiting,
                "dropped": self._dropped,
            }

    def close(self) -> None:
        """Wait a little for what is on its way.

        Raises:
            EdgecvError: messages were lost.
        """
        self._closing = True
        self._publish("status", "offline", retain=True, always=True)
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, CLOSE_S)
            lost = self._waiting + self._dropped
        self._client.disconnect()
        self._client.loop_stop()
        if lost:
            raise EdgecvError(
                f"{self._broker}: {lost} messages were not delivered, {self._sent} were. Is the "
                "broker there, and quick enough?"
            )

    def _on_connect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._tell_down(f"refuses: {code}. Check the user and the password")
            return
        with self._changed:
            self._connected = True
        if self._told_down:
            self._told_down = False
            say(f"{self._broker}: back")
        # what is kept by the broker may have changed while nothing could be sent
        if not self._closing:  # else offline waits already, and has the last word
            self._publish("status", "online", retain=True, always=True)
        for stream, counts in list(self._counts.items()):
            self._publish(f"{stream}/counts", counts, retain=True, always=True)

    def _on_connect_fail(self, client: Any, data: Any) -> None:
        self._tell_down("not to be reached")

    def _on_disconnect(
        self, client: Any, data: Any, flags: Any, code: Any, properties: Any
    ) -> None:
        with self._changed:
            self._connected = False
            self._changed.notify_all()
        if not self._closing:
            self._tell_down(f"connection lost ({code})")

    def _on_publish(self, client: Any, data: Any, mid: int, code: Any, properties: Any) -> None:
        with self._changed:
            self._waiting -= 1
            self._sent += 1
            self._changed.notify_all()

    def _tell_down(self, why: str) -> None:
        if not self._told_down:
            self._told_down = True
            say(f"{self._broker}: {why}. Trying again; up to {WAITING_MAX} messages wait")
