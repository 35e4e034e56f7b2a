"""Addresses of `edgecv run`: variables in them, and credentials, which no message shows.

A command line is seen by every user of a machine, and a unit as well; an environment is not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from edgecv.errors import UsageError
from edgecv.runtime.sources import Source, find_sources

REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*)\}", re.ASCII)
# up to the last @: a password may hold one
CREDENTIALS = re.compile(r"(?<=://)[^/].*(?=@)", re.DOTALL)


def expanded(option: str, text: str, environment: Mapping[str, str] = os.environ) -> str:
    """An address with the values of its variables: rtsp://${CAMERA}@host with CAMERA=me:secret.

    Args:
        option: name of the option, for the message.
        text: as it was given; a value is not looked into again.
        environment: of the process.

    Raises:
        UsageError: a variable that is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise UsageError(
                f"{option} {text}: no {match[1]} in the environment. Set it; for a service, by a "
                f"line {match[1]}=VALUE in /etc/edgecv/NAME.env"
            )
        return environment[match[1]]

    return REFERENCE.sub(value, text)


def sources_of(texts: Sequence[str]) -> list[Source]:
    """The sources of `find_sources`, variables in their addresses looked up.

    Raises:
        UsageError, DataError: as `find_sources`, without credentials; or a malformed address.
    """
    addresses = [expanded("--source", text) for text in texts]
    try:
        return find_sources(addresses)
    except UsageError as error:
        told = _without_credentials(str(error), addresses)
        if told == str(error):
            raise
        raise UsageError(told) from None
    except ValueError as error:
        raise UsageError(
            f"--source: malformed ({_without_credentials(str(error), addresses)}). Close every "
            "quote and bracket; in a password they are written as %22 and %5B"
        ) from None


def _without_credentials(message: str, addresses: Sequence[str]) -> str:
    for address in addresses:
        for found in CREDENTIALS.findall(address):
            message = message.replace(found, "***")
    return message
