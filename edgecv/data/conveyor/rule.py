"""A rule that makes a set of pictures: what is shipped in their place."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgecv.errors import DataError


class Rule(BaseModel):
    """Which pictures of the conveyor a set holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(ge=0, description="Of the pictures; another seed shares none with it.")
    images: int = Field(ge=1, description="How many pictures.")
    size_wh: tuple[int, int] = Field((320, 320), description="Their width and height in pixels.")


def read_rule(path: Path) -> Rule:
    """The rule that a YAML file holds.

    Raises:
        DataError: it cannot be read, or is no such rule; all problems at once.
    """
    try:
        return Rule.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not YAML ({error})") from error
    except ValidationError as error:
        problems = [
            f"  {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}, got {one['input']!r}"
            for one in error.errors()
        ]
        expected = "expected seed, images and size_wh of the conveyor's pictures"
        raise DataError("\n".join([f"{path}: {expected}:", *problems])) from error
