"""The gate before a service is written, which runs no engine: what was shipped, not what was built.

A seal of `built/` is by a key of the user who built it, and root, who writes the service, is
another. `edgecv.shipping.trust` checks it at every start.
"""

from __future__ import annotations

from pathlib import Path

from edgecv.bundle import Bundle
from edgecv.shipping.built import add_built
from edgecv.shipping.contents import differences, refuse
from edgecv.shipping.keys import trusted_keys
from edgecv.shipping.signature import APART, check_signature


def look_into(folder: Path) -> Bundle:
    """A bundle to check options against; its engines must not be opened.

    Where keys are trusted, every shipped file is as one of them signed it.

    Raises:
        UsageError: trusted keys that cannot be read.
        BundleError: no bundle, or with trusted keys one that does not verify.
    """
    bundle, keys = Bundle.open(folder), trusted_keys()
    if keys:
        check_signature(folder, keys)
        wrong = differences(folder, bundle.manifest.files, APART)
        refuse(folder, wrong, "Get the bundle again from whoever signed it")
    add_built(bundle, sealed=False)
    return bundle
