from __future__ import annotations

import pytest

from edgecv import plan as plan_module
from edgecv.errors import MissingExtraError, RecipeError, UsageError
from edgecv.inputs import Inputs
from edgecv.plan import check_cpu, check_packages, make_plan
from edgecv.recipe import Recipe
from edgecv.stages import Context

INPUTS = Inputs(Context(), None, {"weights": "00"})


def recipe(**sections: object) -> Recipe:
    return Recipe.model_validate(sections)


def test_a_plan_has_the_stages_of_the_recipe_in_their_order() -> None:
    steps = make_plan(recipe(report={}, export={}, load={}), INPUTS)
    assert [step.name for step in steps] == ["load", "export", "report"]
    assert len({step.key for step in steps}) == 3
    assert steps[0].folder == f"load-{steps[0].key[:12]}"
    assert make_plan(recipe(load={}), INPUTS)[0].key == steps[0].key


def test_a_key_holds_that_of_the_stage_before() -> None:
    first = make_plan(recipe(load={}, export={}), INPUTS)
    second = make_plan(recipe(load={"head": "yolox"}, export={}), INPUTS)
    other = make_plan(recipe(load={}, export={}), Inputs(Context(), None, {"weights": "01"}))
    assert len({first[1].key, second[1].key, other[1].key}) == 3


def test_what_a_later_stage_learns_from_decides_nothing_before_it() -> None:
    student = recipe(load={}, distill={"student": "squeezenet1_1"}, export={}, quantize={})

    def keys(lessons: dict[str, str]) -> list[str]:
        inputs = Inputs(Context(), None, {"weights": "00"}, lessons)
        return [step.key for step in make_plan(student, inputs)]

    calibrated, learnt = keys({"distill": "01"}), keys({"distill": "01", "quantize": "02"})
    assert calibrated[:3] == learnt[:3]
    assert calibrated[3] != learnt[3]
    assert keys({"distill": "03"})[1] != calibrated[1]


def test_sections_that_need_an_absent_one_are_refused_all_at_once() -> None:
    with pytest.raises(RecipeError) as error:
        make_plan(recipe(quantize={}, bench={}), INPUTS)
    assert str(error.value).splitlines() == [
        "the recipe cannot run as it is:",
        "  quantize: needs the section 'export', which is absent",
        "  bench: needs the section 'build', which is absent",
    ]
    with pytest.raises(RecipeError, match="no section; a recipe starts with 'load:'"):
        make_plan(recipe(), INPUTS)


def test_only_packages_of_steps_that_will_run_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets = {"targets": ["onnxruntime", "openvino"]}
    steps = make_plan(recipe(load={}, export={}, build=targets, evaluate={}), INPUTS)
    check_packages(steps)

    def without(name: str) -> None:
        monkeypatch.setattr(plan_module, "find_spec", lambda n: None if n == name else True)

    without("torch")
    with pytest.raises(MissingExtraError, match=r"stage load .*'torch'.*\[compress\]"):
        check_packages(steps)
    check_packages(steps, 2)
    without("openvino")
    with pytest.raises(MissingExtraError, match=r"stage evaluate .*\[openvino\]"):
        check_packages(steps, 3)
    without("tensorrt_rtx")
    check_packages(steps)


def test_only_packages_of_the_targets_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "find_spec", lambda n: None if n == "openvino" else True)
    targets = {"targets": ["tensorrt"]}
    check_packages(make_plan(recipe(load={}, export={}, build=targets, bench={}), INPUTS))


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({}, False),
        ({"cpu": "x86-vnni"}, True),
        ({"cpu": "arm"}, True),
        ({"cpu": "arm", "weight_bits": 7}, False),
        ({"weight_bits": 8}, True),
    ],
    ids=str,
)
def test_files_that_overflow_on_this_cpu_are_not_measured_here(
    settings: dict[str, object], refused: bool
) -> None:
    wanted = {"quantize": settings, "build": {"targets": ["openvino"]}}
    check_cpu(recipe(**wanted), "x86")
    for stage in ("evaluate", "bench"):
        check_cpu(recipe(**wanted, **{stage: {}}), "x86-vnni")
        if not refused:
            check_cpu(recipe(**wanted, **{stage: {}}), "x86")
            continue
        with pytest.raises(UsageError, match=r"overflow on this CPU.*--set evaluate=null"):
            check_cpu(recipe(**wanted, **{stage: {}}), "x86")
    check_cpu(recipe(quantize=settings, build={"targets": ["tensorrt"]}, bench={}), "x86")
