"""scipy's solver of the assignment problem, loaded alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

# (gains (R, C), maximize=...) -> rows and columns, both (min(R, C),)
Solver = Callable[..., tuple[Any, Any]]


def load_solver() -> Solver:
    """`scipy.optimize.linear_sum_assignment`.

    The package around it takes half a second and 40 MB at each start on a desktop, more on a
    device; the solver is an extension that needs none of it. A scipy that keeps it elsewhere is
    imported as usual.
    """
    try:
        return _alone()
    except (ImportError, AttributeError):
        from scipy.optimize import linear_sum_assignment

        return linear_sum_assignment  # type: ignore[no-any-return]


def _alone() -> Solver:
    package = find_spec("scipy")  # does not import it
    folders = (package.submodule_search_locations if package else None) or []
    spec = PathFinder.find_spec("scipy.optimize._lsap", [f"{one}/optimize" for one in folders])
    if spec is None or spec.loader is None:
        raise ImportError("scipy.optimize._lsap")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    solver: Solver = module.linear_sum_assignment
    return solver
