"""Run `compress` again and again, killed at every change that it makes to its folder, and resumed.

A program, since it forks: `python kill_points.py FOLDER` prints JSON for test_workspace.py.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from edgecv.bundle import Bundle, InputSpec, ModelSpec, sha256_of
from edgecv.errors import BundleError
from edgecv.pipeline import compress
from edgecv.recipe import ExportSettings, LoadSettings, Recipe
from edgecv.stages import STAGES, Context, Stage

CHANGES = ("open", "os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.truncate")


def first(bundle: Bundle, settings: LoadSettings, context: Context) -> dict[str, Any]:
    """Two files, open at once, so that some kills leave both half written."""
    text = Path(str(context.weights)).read_text("utf-8")
    with bundle.new_file("a.txt").open("w") as a, bundle.new_file(f"deep/{text}").open("w") as b:
        a.write(text * 100)
        b.write(text * 200)
    size = InputSpec(width=32, height=32)
    bundle.update(spec=ModelSpec(name="fake", class_names=("one",), input=size))
    return {}


def second(bundle: Bundle, settings: ExportSettings, context: Context) -> dict[str, Any]:
    """Replaces a file of the first stage and adds one."""
    bundle.write_json("a.txt", [bundle.path("a.txt").read_text("utf-8"), settings.opset])
    bundle.write_json("c.json", settings.opset)
    return {}


STAGES["load"] = Stage("kill_points:first", (), (), reads=("weights",))
STAGES["export"] = Stage("kill_points:second", (), (), after=("load",))


def run(out: Path, weights: Path, opset: Any) -> Bundle:
    recipe = Recipe(load=LoadSettings(), export=ExportSettings(opset=opset))
    return compress(recipe, "fake", Context(str(weights)), out)


def state(out: Path) -> dict[str, str]:
    """Every file of the published bundle by hash; the manifest by name, since it holds times."""
    shown = [path for path in out.rglob("*") if path.is_file() and ".stages" not in path.parts]
    return {
        path.relative_to(out).as_posix(): "" if path.name == "manifest.json" else sha256_of(path)
        for path in sorted(shown)
        if path.name != ".lock"
    }


def run_killed(out: Path, weights: Path, point: int) -> bool:
    """A run in a child that is killed at the nth change of its folder; False if it had fewer."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = point

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in CHANGES and str(arguments[0]).startswith(str(out)):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    run(out, weights, 18)
    os._exit(0)


def whole(out: Path) -> bool:
    try:
        return Bundle.open(out).verify() == []
    except BundleError:
        return False


def main(folder: Path) -> None:
    sys.stderr = open(os.devnull, "w")
    os.fsync = lambda descriptor: None  # is against loss of power, and takes most of the time
    old, new = folder / "old.bin", folder / "new.bin"
    old.write_text("old")
    new.write_text("new")
    run(folder / "former", old, 17)
    run(folder / "expected", new, 18)
    out = folder / "out"
    former = state(folder / "former")
    resumed, broken = [], 0
    for point in range(1, 1000):
        shutil.copytree(folder / "former", out, copy_function=os.link)
        if not run_killed(out, new, point):
            break
        broken += not whole(out)
        run(out, new, 18)
        resumed.append(state(out))
        if any(out.glob(".stages/.tmp*")) or len(list(out.glob(".stages/*"))) != 2:
            resumed[-1] = {"left behind": str(sorted(out.glob(".stages/*")))}
        shutil.rmtree(out)
    # its files were links to the former run's: a write in place would show there
    told = {
        "unharmed": state(folder / "former") == former,
        "expected": state(folder / "expected"),
        "resumed": resumed,
        "broken": broken,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
