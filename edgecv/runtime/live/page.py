"""The live page's HTTP side.

One connection a browser brings all streams, as server-sent events: a browser opens six at most to
one server, which as many MJPEG streams would use up, and what comes in one event belongs together.
The browser draws the boxes; so a picture is one JPEG of the network's input, whoever looks.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from edgecv.runtime.clock import now
from edgecv.runtime.listening import Handler
from edgecv.runtime.live.access import Access
from edgecv.runtime.live.hub import Hub, Shown
from edgecv.runtime.running import Running

FOLDER = Path(__file__).parent
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
# what everybody may have: the login looks like the page
OPEN = ("page.css",)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# pictures a second, of each stream and of all: enough for the eye, and a tenth of a core
RATE, RATE_OF_ALL = 15.0, 60.0
STATE_S = 1.0
LOOKERS_MAX = 16
# what the system keeps for a slow client: more would only make its picture older
SEND_BUFFER = 128 * 1024
FORM_MAX = 1000


@dataclass(frozen=True)
class Served:
    """What the handlers know."""

    running: Running
    hub: Hub
    access: Access


class PageHandler(Handler):
    """Answers with the page and its events; the server's `told` is a Served."""

    @property
    def _served(self) -> Served:
        told: Served = self.server.told  # type: ignore[attr-defined]
        return told

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        name = path.lstrip("/") or "page.html"
        if not self._served.access.asked_for_here(self.headers["Host"]):
            self.answer(421, "text/plain", b"this server has another name\n")
        elif name in OPEN:
            self._file(name)
        elif not self._allowed():
            self._file("login.html", 401)
        elif path == "/events":
            self._events()
        elif path == "/state":
            self._state()
        elif name in ("page.html", "page.js"):
            self._file(name)
        else:
            self.answer(404, "text/plain", b"there is nothing here\n")

    def do_POST(self) -> None:
        access = self._served.access
        length = self.headers["Content-Length"] or ""
        if self.path != "/login" or not length.isdigit() or int(length) > FORM_MAX:
            self.answer(404, "text/plain", b"there is nothing here\n")
            return
        form = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"))
        if access.knows(form.get("token", [""])[0]):
            self.answer(303, "text/plain", b"", Location="/", Set_Cookie=access.set_cookie())
        else:
            self._file("login.html", 403, wrong=True)

    def _allowed(self) -> bool:
        headers = self.headers
        return self._served.access.allows(headers["Authorization"], headers["Cookie"])

    def _file(self, name: str, status: int = 200, wrong: bool = False) -> None:
        path = FOLDER / name
        body = path.read_bytes()
        body = body.replace(b" hidden>", b">") if wrong else body
        kind = f"{KINDS[path.suffix]}; charset=utf-8"
        self.answer(
            status,
            kind,
            body,
            Content_Security_Policy=POLICY,
            Referrer_Policy="no-referrer",
        )

    def _state(self) -> None:
        running = self._served.running
        recent = running.recent()
        self._served.hub.ended.wait(STATE_S)
        body = json.dumps(running.state(recent)).encode()
        self.answer(200, "application/json", body)

    def _events(self) -> None:
        hub = self._served.hub
        if hub.looking >= LOOKERS_MAX:
            self.answer(503, "text/plain", b"too many look already\n")
            return
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with hub.look():
            self._follow(hub)

    def _follow(self, hub: Hub) -> None:
        """Send what is newest until the run ends or the client does; only this thread waits."""
        running = self._served.running
        recent, seen = running.recent(), dict[str, Shown]()
        pause = max(1 / RATE, len(running.stats.streams) / RATE_OF_ALL)
        state_s = now() + STATE_S / 2
        while not hub.ended.is_set():
            begun = now()
            for shown in hub.newer(seen, STATE_S):
                self._event("frame", shown.message())
            if now() >= state_s:
                self._event("state", json.dumps(running.state(recent)).encode())
                state_s = now() + STATE_S
            hub.ended.wait(max(0.0, begun + pause - now()))
        self._event("end", b"{}")

    def _event(self, name: str, data: bytes) -> None:
        self.wfile.write(b"event: %s\ndata: %s\n\n" % (name.encode(), data))
