"""A user's own torch Dataset, named as `module:function` and checked wherever it is used."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from edgecv.errors import DataError
from edgecv.training.custom_item import labelled
from edgecv.training.pictures import Labelled

EXPECTED = (
    "expected a torch Dataset: __len__, class_names, and items (picture, {'boxes': xyxy, "
    "'labels': class ids from 0})"
)


class CustomPictures:
    """What `function(split)` returned.

    Args:
        reference: module:function, for messages.
        split: what it was called with.
        dataset: what it returned.
        code: digest of the sources of both, see `open_custom`.

    Raises:
        DataError: it is no such Dataset, or empty.
    """

    def __init__(self, reference: str, split: str, dataset: Any, code: str = "") -> None:
        self.name = f"{reference}('{split}')"
        missing = [a for a in ("__len__", "__getitem__", "class_names") if not hasattr(dataset, a)]
        if missing:
            found = type(dataset).__name__
            raise DataError(
                f"{self.name}: returned a {found} without {' and '.join(missing)}; {EXPECTED}"
            )
        self.class_names = _names(self.name, dataset.class_names)
        self._dataset, self._code = dataset, code
        self._length = int(_guarded(self.name, lambda: len(dataset)))
        if not self._length:
            raise DataError(f"{self.name}: returned an empty Dataset; expected pictures")
        self._lock = Lock()

    @property
    def digest(self) -> str:
        """Of name, length, classes and code: what it reads from elsewhere cannot be told."""
        told = repr((self.name, self._length, self.class_names, self._code))
        return hashlib.sha256(told.encode()).hexdigest()

    def __len__(self) -> int:
        return self._length

    def picture(self, index: int) -> Labelled:
        """A picture and its objects, converted and checked.

        Raises:
            DataError: the Dataset raised, or what it gave is not what is expected.
        """
        where = f"{self.name}[{index}]"
        with self._lock:  # few Datasets are made for several threads
            item = _guarded(where, lambda: self._dataset[index])
        return labelled(where, item, len(self.class_names))


def open_custom(reference: str, split: str) -> CustomPictures | None:
    """Call `module:function` with the name of a split; None when it has none of that name.

    The module is looked for in the working folder, then among what is installed.

    Raises:
        DataError: no such module or function, it raised, or it returned something else.
    """
    module, _, attribute = reference.partition(":")
    function = getattr(_import(reference, module), attribute, None)
    if not callable(function):
        raise DataError(f"{reference}: {module} has no function '{attribute}'; expected one")
    dataset = _guarded(f"{reference}('{split}')", lambda: function(split))
    if dataset is None:
        return None
    return CustomPictures(reference, split, dataset, _sources(function, type(dataset)))


def _sources(*made_by: Any) -> str:
    """sha256 of the files that hold these; one that is no Python source counts as nothing."""
    digest = hashlib.sha256()
    for one in made_by:
        try:
            digest.update(Path(inspect.getfile(inspect.unwrap(one))).read_bytes())
        except (TypeError, OSError):  # built in, or typed into an interpreter
            continue
    return digest.hexdigest()


def _import(reference: str, module: str) -> Any:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        return _guarded(f"{reference}: importing '{module}'", lambda: import_module(module))
    except DataError as error:
        absent = isinstance(error.__cause__, ModuleNotFoundError)
        if absent and module.startswith(str(getattr(error.__cause__, "name", None))):
            raise DataError(
                f"{reference}: there is no module '{module}' in {here} nor among what is "
                "installed. Call from the folder that holds it, or set PYTHONPATH"
            ) from error.__cause__
        raise
    finally:
        sys.path.remove(here)


def _names(where: str, found: Any) -> tuple[str, ...]:
    wrong = isinstance(found, str) or not hasattr(found, "__iter__")
    names = () if wrong else tuple(found)
    if not names or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"{where}: class_names is {str(found)[:60]!r}, expected a list of names in the order "
            "of the class ids"
        )
    return names


def _guarded(where: str, call: Callable[[], Any]) -> Any:
    """What a user's code gives; what it raises becomes one line with the place in that code."""
    try:
        return call()
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise DataError(
            f"{where} raised {type(error).__name__}: {str(error).partition(chr(10))[0]} "
            f"({Path(last.filename).name}, line {last.lineno}). Correct that code"
        ) from error
