"""edgecv recipes: which there are, what they say, whether they are right."""

from __future__ import annotations

import click

from edgecv.cli._recipe_options import set_option
from edgecv.recipe_file import find, load, names, packaged_folder


@click.group(name="recipes")
def command() -> None:
    """List, show and check recipes."""


@command.command(name="list")
def list_() -> None:
    """Print the packaged recipes, each with what it is for."""
    width = max(map(len, names()), default=0)
    for name in names():
        first = (packaged_folder() / f"{name}.yaml").read_text("utf-8").partition("\n")[0]
        click.echo(f"{name:<{width}}  {first.lstrip('# ')}")


@command.command()
@click.argument("recipe")
def show(recipe: str) -> None:
    """Print RECIPE, to be changed and saved as your own.

    It is a name or a file.
    """
    click.echo(find(recipe).read_text("utf-8"), nl=False)


@command.command()
@click.argument("recipe")
@set_option
def validate(recipe: str, overrides: tuple[str, ...]) -> None:
    """Check RECIPE: OK, or every problem with its line.

    It is a name or a file. Exit status 2: there are problems.
    """
    path = find(recipe)
    load(path, overrides)
    click.echo(f"{path}: OK")
