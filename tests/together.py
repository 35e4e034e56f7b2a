"""Several processes of one command, as torchrun starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys


def run_together(size: int, command: list[str]) -> list[subprocess.CompletedProcess[str]]:
    """Start a command as torchrun does, without its overhead, and wait for all."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [
        subprocess.Popen(
            command, env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, **pipes
        )
        for rank in range(size)
    ]
    done = []
    for one in running:
        out, err = one.communicate(timeout=120)
        done.append(subprocess.CompletedProcess(command, one.returncode, out, err))
    return done
