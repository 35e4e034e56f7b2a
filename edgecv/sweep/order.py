"""What a sweep was asked for, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgecv import recipe_file
from edgecv.bundle import sha256_of
from edgecv.errors import RecipeError, UsageError
from edgecv.machine import read_cpu
from edgecv.models.download import is_url
from edgecv.pipeline import plan
from edgecv.stages import Context
from edgecv.sweep.folder import folder_of
from edgecv.sweep.grid import MEASURING, Variant, written
from edgecv.sweep.schema import Asked, Sweep, SweepVariant


@dataclass(frozen=True)
class Order:
    """A recipe and what it is given, for all variants.

    Attributes:
        recipe: its file.
        overrides: of `--set`.
        weights, data, calibration: as of `edgecv compress`.
    """

    recipe: Path
    overrides: tuple[str, ...] = ()
    weights: str | None = None
    data: Path | None = None
    calibration: Path | None = None

    def words(self, settings: Mapping[str, str], folder: Path, *, measured: bool) -> list[str]:
        """The command line that makes a variant, without "edgecv".

        Args:
            settings: of the variant.
            folder: of its bundle.
            measured: whether to time it and write its report, too.
        """
        words = ["compress", "--recipe", str(self.recipe.absolute())]
        if self.weights is not None:
            path = Path(self.weights).expanduser()
            here = path.is_file() and not is_url(self.weights)
            words += ["--weights", str(path.absolute()) if here else self.weights]
        for option, given in (("--data", self.data), ("--calibration", self.calibration)):
            words += [option, str(given.absolute())] if given is not None else []
        changes = [*self.overrides, *written(dict(settings))]
        if not measured:
            changes = [text for text in changes if text.partition(".")[0] not in MEASURING]
            changes += [f"{name}=null" for name in MEASURING]
        words += [word for change in changes for word in ("--set", change)]
        return [*words, "--out", str(folder.absolute())]


def begin(order: Order, variants: Mapping[str, Variant], out: Path, former: Sweep | None) -> Sweep:
    """The record to start from: what is there, with the variants that are new.

    Raises:
        UsageError: or one of its kinds: the inputs cannot be used, nothing could be compared, or
            the folder holds a sweep of something else.
    """
    for variant in variants.values():
        _check_sections(variant)
    if former is None:
        asked = _asked(order, next(iter(variants.values())), out)
        former = Sweep(recipe=order.recipe.stem, asked=asked, cpu=read_cpu().model)
    else:
        _check_same(former.asked, _of_recipe(order), out, ("recipe", "settings"))
        # by the same variant as then: what is held out of the data follows from its settings
        first = next(iter(recorded(order, former).values()))
        _check_same(former.asked, _asked(order, first, out), out, tuple(Asked.model_fields))
    known = {one.name.rpartition("-")[2] for one in former.variants}
    new = tuple(
        SweepVariant(name=variant.name, settings=variant.settings)
        for identity, variant in variants.items()
        if identity not in known
    )
    return former.model_copy(update={"variants": (*former.variants, *new)})


def recorded(order: Order, sweep: Sweep) -> dict[str, Variant]:
    """All variants of a record by name, with their recipes."""
    found = {}
    for one in sweep.variants:
        recipe = recipe_file.load(order.recipe, [*order.overrides, *written(one.settings)])
        found[one.name] = Variant(one.settings, recipe, one.name)
    return found


def _asked(order: Order, first: Variant, out: Path) -> Asked:
    """Check the inputs as a run of the first variant would, and hash them."""
    context = Context(order.weights, order.data, order.calibration)
    inputs = plan(first.recipe, context, folder_of(out, first.name)).inputs
    if inputs.dataset is None:
        raise UsageError(
            "a sweep compares mAP, which needs ground truth: --data DIR takes pictures with it"
        )
    given = {"weights": order.weights, "data": order.data, "calibration": order.calibration}
    digests = {
        name: inputs.digests.get(name) if value is not None else None  # type: ignore[call-overload]
        for name, value in given.items()
    }
    return _of_recipe(order).model_copy(update=digests)


def _of_recipe(order: Order) -> Asked:
    recipe, settings = sha256_of(order.recipe), tuple(sorted(order.overrides))
    return Asked(recipe=recipe, settings=settings)


def _check_sections(variant: Variant) -> None:
    for section, what in (("evaluate", "mAP"), ("bench", "p90")):
        if getattr(variant.recipe, section) is None:
            raise RecipeError(
                f"a sweep compares mAP, p90 and size: without the section '{section}' there is no "
                f"{what}. Take a recipe that has it"
            )


def _check_same(former: Asked, asked: Asked, out: Path, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(former, name) != getattr(asked, name):
            option = {"recipe": "recipe", "settings": "--set"}.get(name, f"--{name}")
            raise UsageError(
                f"{out}: holds a sweep with another {option}. Another grid can be added to it; for "
                "anything else name another folder with --out"
            )
