"""Variables in the addresses of `edgecv run`: what stands in the environment is no one else's.

A command line is seen by every user of a machine, and a unit as well; an environment is not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from edgecv.errors import UsageError

REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*)\}", re.ASCII)


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
