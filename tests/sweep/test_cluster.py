"""Variants on a Ray cluster of two nodes on this machine."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner, Result
from small_runs import small_run

from edgecv import __version__
from edgecv.cli import group
from edgecv.errors import MissingExtraError, UsageError
from edgecv.sweep import cluster as cluster_module
from edgecv.sweep import ray_task
from edgecv.sweep.cluster import Cluster
from edgecv.sweep.schema import Sweep

PROGRAM = Path(__file__).with_name("two_nodes.py")


class Nodes:
    """The program that runs the cluster."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.address = self._line()
        assert self.address, "the cluster did not start"

    def ask(self, word: str) -> None:
        self._stdin.write(f"{word}\n")
        self._stdin.flush()
        assert self._line() == "done"

    def close(self) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    nodes = Nodes()
    yield nodes
    nodes.close()


def sweep(arguments: list[str], *words: str) -> Result:
    call = ["sweep", *arguments[1:], *words]
    return CliRunner().invoke(group, call, catch_exceptions=False, standalone_mode=False)


@pytest.mark.slow
def test_a_node_that_dies_in_mid_run_costs_no_variant(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = small_run(tmp_path / "input"), tmp_path / "out"
    said: list[str] = []
    monkeypatch.setattr("edgecv.sweep.cluster.say", said.append)

    def kill() -> None:
        # each node takes one, so that both have work now
        while len(list(out.glob("variants/*.log"))) < 2:
            time.sleep(0.05)
        nodes.ask("kill")

    killing = threading.Thread(target=kill)
    killing.start()
    grid = ("export.simplify=true,false", "export.opset=17,18")
    result = sweep(
        run.arguments, "--grid", *grid, "--out", str(out), "--ray", nodes.address, "--jobs", "2"
    )
    killing.join()
    found = Sweep.model_validate_json((out / "sweep.json").read_text("utf-8"))
    assert [one.state for one in found.variants] == ["measured"] * 4
    assert any(line.startswith("moved ") for line in said)
    assert "4 variants: 4 measured" in result.stdout
    # what Ray has to say is in its log
    assert "ray" not in result.stderr.lower()


@pytest.mark.slow
def test_a_cluster_of_another_version_is_refused_in_one_line(nodes: Nodes, tmp_path: Path) -> None:
    nodes.ask("lie")
    with pytest.raises(UsageError, match=r"the cluster has Ray 1\.0\.0 on Python .* and this"):
        Cluster(nodes.address, tmp_path, None)


@pytest.mark.parametrize("address", ["", "local", "ray://head:10001", "head", "head:x", "a b:1"])
def test_what_is_no_address_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected host:port"):
        Cluster(address, tmp_path, None)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "a.invalid:6379"])
def test_where_no_cluster_is_it_says_so_at_once(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no cluster answers there"):
        Cluster(address, tmp_path, None)


def test_without_ray_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[ray\]'"):
        Cluster("auto", tmp_path, None)


def test_a_worker_that_does_not_see_the_folder_or_has_another_edgecv_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_task, "SEEN_S", 0.1)
    token = tmp_path / "token"
    assert f"does not see {tmp_path}" in str(ray_task.check(str(token), __version__))
    token.touch()
    assert ray_task.check(str(token), __version__) is None
    told = str(ray_task.check(str(token), "0.0.0"))
    assert f"has edgecv {__version__}, this machine 0.0.0. Install the same" in told


def test_a_task_runs_a_job_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert ray_task.run("a", ["recipes", "list"], str(log), 1) == 0
    assert "yolo_int8" in log.read_text("utf-8")
    assert ray_task.run("a", ["recipes", "lost"], str(log), 1) == 2
