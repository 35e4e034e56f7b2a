from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from edgecv.recipe import Recipe
from edgecv.stages import STAGES


def sections(model: type[BaseModel], prefix: str = "") -> list[tuple[str, Any]]:
    """Every setting of a model with its field, by dotted name."""
    found = []
    for name, field in model.model_fields.items():
        found.append((f"{prefix}{name}", field))
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found += sections(part, f"{prefix}{name}.")
    return found


def test_the_sections_are_the_stages_in_their_order() -> None:
    assert list(Recipe.model_fields)[1:] == list(STAGES)


def test_every_setting_has_a_sentence_that_explains_it() -> None:
    settings = [(name, field) for name, field in sections(Recipe) if name.count(".")]
    assert len(settings) > 20
    names = [name for name, _ in settings]
    sections_within = {name for name in names if any(n.startswith(f"{name}.") for n in names)}
    assert "quantize.budget" in sections_within
    without = {name for name, field in settings if not field.description}
    assert without <= sections_within


def test_an_absent_section_is_no_stage_and_an_empty_one_has_the_defaults() -> None:
    recipe = Recipe.model_validate({"bench": {}})
    assert recipe.load is None
    assert recipe.bench is not None
    assert recipe.bench.queries == 120


@pytest.mark.parametrize(
    "values",
    [
        {"recipe": 2},
        {"bench": {"queries": 0}},
        {"bench": {"querries": 1}},
        {"build": {"targets": []}},
        {"load": {"input_size": 100}},
        {"load": {"classes": "ant"}},
        {"quantize": {"budget": {"max_drop": float("nan")}}},
        {"export": {"batch": 0}},
        {"export": {"batch": "any"}},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(values)


def test_settings_cannot_be_changed_after_they_were_checked() -> None:
    recipe = Recipe.model_validate({"load": {"classes": ["a", "b"]}})
    assert recipe.load is not None
    assert recipe.load.classes == ("a", "b")
    with pytest.raises(ValidationError):
        recipe.load.weights = "x"
