"""README and docs say what is there: commands parse, recipes and settings exist, links resolve."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from edgecv import recipe_file
from edgecv.cli import group
from edgecv.doctor import EXTRAS
from edgecv.recipe import Recipe

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for folder, pattern in (
        (".", "*.md"),
        ("docs", "**/*.md"),
        ("benchmarks", "*.md"),
        ("calibration", "*.md"),
    )
    for page in (ROOT / folder).glob(pattern)
)


def shell_lines(text: str) -> Iterator[list[str]]:
    """The commands of all ```sh blocks, as words; those joined by && one by one."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            start = 0
            for index in [i for i, word in enumerate(words) if word == "&&"] + [len(words)]:
                if words[start:index]:
                    yield words[start:index]
                start = index + 1


def inline_code(text: str) -> list[str]:
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", outside)


def edgecv_calls(page: Path) -> list[list[str]]:
    """Arguments of every call of edgecv on a page, in blocks and in sentences."""
    text = page.read_text("utf-8")
    calls = [words for words in shell_lines(text) if Path(words[0]).name == "edgecv"]
    calls += [shlex.split(code) for code in inline_code(text) if code.startswith("edgecv ")]
    return [words[1:] for words in calls]


def parse(command: click.Command, name: str, args: list[str]) -> dict[str, object]:
    """The options of a call, as click understands it, without running it."""
    if isinstance(command, click.Group) and not args:
        return {}  # would print its help
    context = command.make_context(name, list(args))
    if not isinstance(command, click.Group):
        return context.params
    rest = [*getattr(context, "_protected_args", ()), *context.args]
    inner_name, inner, inner_args = command.resolve_command(context, rest)
    assert inner is not None
    return parse(inner, str(inner_name), inner_args)


def options_of(command: click.Command) -> set[str]:
    found = {name for option in command.params for name in option.opts}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found |= options_of(inner)
    return found


def setting_names(model: type, prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        for inner in [field.annotation, *getattr(field.annotation, "__args__", ())]:
            if hasattr(inner, "model_fields"):
                yield from setting_names(inner, f"{prefix}{name}.")


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page may end in."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_pages_are_found() -> None:
    assert {"README.md", "docs/quickstart.md", "calibration/README.md"} <= set(map(named, PAGES))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_edgecv_call_parses_and_names_a_recipe_and_settings_that_exist(page: Path) -> None:
    blocks = [words[1:] for words in shell_lines(page.read_text("utf-8"))]
    for args in edgecv_calls(page):
        try:
            options = parse(group, "edgecv", args)
        except click.exceptions.Exit:
            continue  # --help and --version have printed and left
        except click.BadParameter as error:
            # in a sentence a verb may stand alone, and a word for a choice; never in a block
            if args not in blocks and (isinstance(error, click.MissingParameter) or "NAME" in args):
                continue
            raise
        name = options.get("recipe") or (args[0] == "recipes" and options.get("name"))
        if name and not str(name).endswith(".yaml"):
            recipe_file.load(recipe_file.find(str(name)), tuple(options.get("overrides") or ()))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_flag_named_in_a_sentence_exists(page: Path) -> None:
    known = options_of(group) | {"--help", "--version", "--check", "--system-site-packages"}
    for code in inline_code(page.read_text("utf-8")):
        flag = code.split()[0].split("=")[0]
        if flag.startswith("--"):
            assert flag in known, code


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_setting_named_in_a_sentence_exists(page: Path) -> None:
    known = set(setting_names(Recipe))
    sections = {name for name in known if "." not in name}
    for code in inline_code(page.read_text("utf-8")):
        word = re.split(r"[=: ]", code.removeprefix("--set ").strip("'"))[0]
        if word.partition(".")[0] in sections and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", word):
            suffix = word.rpartition(".")[2]
            assert word in known or suffix in {"onnx", "html", "json", "md", "py"}, code


def test_the_settings_on_the_page_are_those_of_the_recipe() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "write_settings.py"))
    page = script["PAGE"].read_text("utf-8")
    assert script["updated"](page) == page, "call: python docs/write_settings.py"
    leaves = set(setting_names(Recipe)) - {"recipe"}
    leaves -= {name.rpartition(".")[0] for name in leaves}
    assert leaves == set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE))


def test_the_check_of_the_settings_fails_on_a_page_that_is_behind() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "write_settings.py"))
    page = script["updated"](script["PAGE"].read_text("utf-8"))
    behind = page.replace("| `export.opset` |", "| `export.opzet` |")
    assert behind != page
    assert script["updated"](behind) == page


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_within_the_repository_resolves(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, heading = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if heading:
            assert heading in anchors(linked), target


def test_the_first_screen_of_the_readme_has_the_two_commands() -> None:
    first = (ROOT / "README.md").read_text("utf-8").splitlines()[:20]
    commands = [line for line in first if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert "edgecv compress" in commands[0]
    assert commands[1].endswith("pytest")


def test_every_extra_in_a_pip_line_exists() -> None:
    asked = {
        extra
        for page in PAGES
        for extras in re.findall(r"\.\[([a-z,]+)\]", page.read_text("utf-8"))
        for extra in extras.split(",")
    }
    assert {"compress", "dev"} <= asked
    assert asked <= {*EXTRAS, "dev"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_edgecv_is_installed_from_the_clone_as_it_is_on_no_registry(page: Path) -> None:
    assert not re.findall(r"pip install[^&\n]*['\" ]edgecv\b", page.read_text("utf-8"))


def test_python_blocks_compile_and_import_what_exists() -> None:
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    ]
    assert blocks
    for block in blocks:
        compile(block, "docs", "exec")
        imports = [line for line in block.splitlines() if line.startswith(("import ", "from "))]
        exec("\n".join(imports), {})  # noqa: S102 - lines of our own pages


def test_no_tracked_file_names_a_registry_or_a_path_of_the_machine_it_was_written_on() -> None:
    # in two parts, so that this file is not found itself
    forbidden = [
        first + second
        for first, second in (
            ("pypi.", "org"),
            ("python", "hosted"),
            ("download.", "pytorch.org"),
            ("deb.", "debian.org"),
            ("registry.", "npmjs"),
            ("pypi.", "nvidia.com"),
            ("conda.", "anaconda.org"),
            ("/work", "/main"),
            ("/work", "/shared"),
            ("/tmp", "/dev/"),  # noqa: S108
            ("/opt", "/wheels"),
        )
    ]
    files = tracked_files()
    assert len(files) > 50
    for path in files:
        text = path.read_bytes().decode("utf-8", errors="replace")
        found = [word for word in forbidden if word in text]
        assert not found, f"{named(path)}: {found}"


def test_a_call_that_does_not_exist_is_found() -> None:
    with pytest.raises(click.UsageError):
        parse(group, "edgecv", ["compress", "--recipe", "yolo_int8", "--wieghts", "x"])
    with pytest.raises(click.UsageError):
        parse(group, "edgecv", ["compres"])


def test_help_shows_every_verb_that_the_readme_names() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "edgecv", "--help"], capture_output=True, text=True, check=True
    ).stdout
    verbs = {args[0] for args in edgecv_calls(ROOT / "README.md")}
    assert len(verbs) >= 6
    for verb in verbs:
        assert re.search(rf"^  {verb}\s", shown, re.MULTILINE), verb
