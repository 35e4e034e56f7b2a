"""Processes that start at once: forked from one that has imported torch for all tests."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory

PRELOADED = ["edgecv.cli.train", "edgecv.stages.report", "edgecv.training.loop",
             "edgecv.training.outcome"]  # fmt: skip
# one thread, so that forking is safe and sums are always in the same order; and no GPU
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def start(words: list[str], out: Path, err: Path, **environment: str) -> ForkServerProcess:
    """Start `edgecv ...` or `program.py ...`; what it prints goes into two files."""
    process = _server().Process(target=_run, args=(words, str(out), str(err), environment))
    process.start()
    return process


def run_together(size: int, words: list[str]) -> list[subprocess.CompletedProcess[str]]:
    """Start a command as often as torchrun does, with its variables, and wait for all."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(size)}
    with TemporaryDirectory() as folder:
        files = [(Path(folder, f"{rank}.out"), Path(folder, f"{rank}.err")) for rank in range(size)]
        running = [
            start(words, *both, **shared, RANK=str(rank), LOCAL_RANK=str(rank))
            for rank, both in enumerate(files)
        ]
        done = []
        for process, (out, err) in zip(running, files, strict=True):
            process.join(120)
            assert process.exitcode is not None, f"still running: {err.read_text()}"
            told = out.read_text(), err.read_text()
            done.append(subprocess.CompletedProcess(words, process.exitcode, *told))
    return done


@cache
def _server() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    before = dict(os.environ)
    os.environ.update(ALONE)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


def _run(words: list[str], out: str, err: str, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    for path, stream in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.argv = words
    if words[0] == "edgecv":
        from edgecv.cli import main

        main()
    else:
        sys.path.insert(0, str(Path(words[0]).parent))
        runpy.run_path(words[0], run_name="__main__")
