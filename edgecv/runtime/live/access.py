"""Who may look at the live page: this machine, or those who know a token."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from http.cookies import CookieError, SimpleCookie

from edgecv.errors import UsageError
from edgecv.runtime.listening import Address

# not an option: a command line is seen by every user of a machine
VARIABLE = "EDGECV_TOKEN"
LENGTH_MIN = 16


class Access:
    """The rule of one run.

    Args:
        address: where the page is served.
        token: what a visitor must know; None: only loopback may be served.

    Raises:
        UsageError: others can connect and there is no token, or one that can be guessed.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        if token is not None and len(token) < LENGTH_MIN:
            raise UsageError(
                f"{VARIABLE}: has {len(token)} characters, expected at least {LENGTH_MIN}"
            )
        if token is None and not address.loopback:
            raise UsageError(
                f"--serve {address}: other machines can connect there, so it needs a token. Set "
                f"one, and type it into the page: export {VARIABLE}=$(openssl rand -hex 16)"
            )
        self._address, self._token = address, token
        # a browser keeps this instead of the token; it ends with the run
        self._session = secrets.token_urlsafe(32)
        self._cookie = f"edgecv-{address.port}"

    def asked_for_here(self, host: str | None) -> bool:
        """Whether a request's Host names this server.

        Without a token, another name that was made to mean this machine (DNS rebinding) would
        let any page that its user visits look.
        """
        if self._token is not None:
            return True
        name = re.sub(r":\d+$", "", host or "")
        return name in ("localhost", "127.0.0.1", "[::1]", self._address.host)

    def allows(self, authorization: str | None, cookies: str | None) -> bool:
        """Whether a request comes from one who knows the token, in either way."""
        if self._token is None:
            return True
        bearer = (authorization or "").removeprefix("Bearer ")
        return self.knows(bearer) or _same(self._session, self._kept(cookies))

    def knows(self, token: str) -> bool:
        """Whether this is the token; takes as long whatever it is."""
        return self._token is not None and _same(self._token, token)

    def set_cookie(self) -> str:
        """Header value that lets a browser in until the run ends."""
        return f"{self._cookie}={self._session}; HttpOnly; SameSite=Strict; Path=/"

    def _kept(self, cookies: str | None) -> str:
        try:
            found = SimpleCookie(cookies or "").get(self._cookie)
        except CookieError:
            return ""
        return found.value if found else ""


def token_of_environment() -> str | None:
    """The token, or None where none is set."""
    return os.environ.get(VARIABLE) or None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
