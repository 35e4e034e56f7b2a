"""A user's own configuration, keys, and bundles signed by them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_bundles import small_bundle

from edgecv.bundle import Bundle, Variant
from edgecv.shipping.keys import TRUSTED, config_folder, make_key, public_file, read_private
from edgecv.shipping.signature import sign

KEY = "signing.key"


def own_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the user's configuration, and the only one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(folder / "of-the-machine"))
    for name in ("EDGECV_TRUSTED_KEYS", "EDGECV_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    return config_folder()


def trust(public: Path) -> None:
    """Put a public key among those that the user trusts."""
    folder = config_folder() / TRUSTED
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{len(list(folder.iterdir()))}.pub").write_bytes(public.read_bytes())


def built_bundle(folder: Path) -> Bundle:
    """A small bundle whose float graph ONNX Runtime opens, and which has a source for INT8."""
    bundle = small_bundle(folder, int8=("onnxruntime",))
    bundle.write_json("report.json", {"mAP": 0.5})
    bundle.add_variants(
        Variant(name="onnxruntime-fp32", engine="onnxruntime", precision="fp32", file="model.onnx")
    )
    bundle.save()
    return bundle


def signed_bundle(folder: Path) -> Bundle:
    """The same, signed by a key that the user trusts."""
    bundle, key = built_bundle(folder), config_folder() / KEY
    if not key.exists():
        make_key(key)
        trust(public_file(key))
    sign(bundle, read_private(key))
    return bundle
