"""The command `edgecv`: one file a verb, imported when it is called."""

from __future__ import annotations

import difflib
import errno
import os
import sys
from importlib import import_module

import click

from edgecv import __version__
from edgecv.errors import EdgecvError, MissingExtraError

# verb -> where its command is, and the line that `edgecv --help` shows for it
VERBS = {
    "compress": ("edgecv.cli.compress:command", "Make INT8 engines and a report of a detector."),
    "train": ("edgecv.cli.train:command", "Train or fine-tune a detector on your pictures."),
    "sweep": ("edgecv.cli.sweep:command", "Compress variants of a recipe, and compare them."),
    "recipes": ("edgecv.cli.recipes:command", "List, show and check recipes."),
    "inspect": ("edgecv.cli.inspect:command", "Print a bundle and verify its files."),
    "build": ("edgecv.cli.build:command", "Build an engine on this machine."),
    "eval": ("edgecv.cli.eval:command", "Score an engine on pictures with ground truth."),
    "bench": ("edgecv.cli.bench:command", "Time a bundle's engines on this machine."),
    "track": ("edgecv.cli.track:command", "Track the boxes of a MOT folder, and score it."),
    "run": ("edgecv.cli.run:command", "Detect and track the objects of videos or cameras."),
    "bundle": ("edgecv.cli.bundle:command", "Sign, verify, pack and unpack a bundle."),
    "service": ("edgecv.cli.service:command", "Keep a run going with systemd."),
    "deploy": ("edgecv.cli.deploy:command", "Bring a bundle to a device over ssh."),
    "data": ("edgecv.cli.data:command", "Check a data set before it is trained on, or draw one."),
    "doctor": ("edgecv.cli.doctor:command", "Say what this machine can run and build."),
}


# what these finished is kept, and reused by the next call
GO_ON = ("compress", "train", "sweep")
NO_MEMORY = "not enough memory. Give fewer pictures a call, or a smaller network"
FULL = (errno.ENOSPC, errno.EDQUOT)


class Verbs(click.Group):
    """A group that knows its commands' names and imports each when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, attribute = VERBS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word not in VERBS and not word.startswith("-"):
            close = difflib.get_close_matches(word, VERBS, n=1, cutoff=0.5)
            hint = f"; did you mean '{close[0]}'?" if close else f"; there are {', '.join(VERBS)}"
            ctx.fail(f"no command '{word}'{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="edgecv")
def group() -> None:
    """Compress vision models to INT8 engines that are still right.

    Exit status: 0 done; 1 failed; 2 wrong usage or input; 3 done, but an accuracy budget is
    missed.
    """


def main() -> None:
    """Run the command line and exit with its status; a user's mistake gets one message."""
    try:
        status = group.main(prog_name="edgecv", standalone_mode=False)
    except EdgecvError as error:
        _fail(str(error), error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        # click makes its own of the interrupt, which may say more
        _fail(str(error.__cause__ or error) or _stopped(), 130)
    except ModuleNotFoundError as error:
        _fail(str(_missing(error)), MissingExtraError.exit_status)
    except MemoryError:
        _fail(NO_MEMORY, 1)
    except RuntimeError as error:
        # torch's own way to say it
        if "allocate memory" not in str(error):
            raise
        _fail(NO_MEMORY, 1)
    except OSError as error:
        # a full disk is, as a wrong folder, for the caller to put right
        _fail(_explain(error), 2 if error.errno in FULL else 1)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> None:
    click.echo(f"edgecv: {message}", err=True)
    sys.exit(status)


def _stopped() -> str:
    verb = next((word for word in sys.argv[1:] if word in VERBS), None)
    then = ". What was finished is kept; the same command goes on from there"
    return f"stopped{then if verb in GO_ON else ''}"


def _missing(error: ModuleNotFoundError) -> MissingExtraError:
    """What brings the package that an import wanted; raises on one that no extra brings."""
    from edgecv.doctor import EXTRAS

    package = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages.values():
            return MissingExtraError(package, extra, "this command")
    raise error


def _explain(error: OSError) -> str:
    if error.errno == errno.EPIPE:
        # the reader has gone; without this Python complains again when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return "nobody reads the output"
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in FULL:
        return f"{where}no space left on the disk. Make room, then call again: it goes on from here"
    return f"{where}{error.strerror or error}"
