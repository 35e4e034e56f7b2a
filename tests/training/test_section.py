from __future__ import annotations

import pytest

from edgecv.errors import UsageError
from edgecv.training.section import settings_in


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("train.lr was 1: --set train.lr=2", "distill.train.lr was 1: --set distill.train.lr=2"),
        ("distill.train.batch is odd", "distill.train.batch is odd"),
        ("/data/train.json: instances_train.json", "/data/train.json: instances_train.json"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_errors_name_settings_where_the_recipe_has_them(said: str, told: str) -> None:
    with pytest.raises(UsageError) as caught, settings_in("distill.train"):
        raise UsageError(said)
    assert str(caught.value) == told
    assert isinstance(caught.value, UsageError)
