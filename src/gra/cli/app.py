"""The program `gra`: its commands, and how it ends when something goes wrong.

Every error that a person can mend is a message without a traceback and an exit code of its own (`gra.errors`).
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gra.cli import (
    ablate,
    check,
    completion,
    diff,
    distill,
    exam,
    export,
    init,
    listing,
    models,
    preview,
    prompts,
    push,
    replay,
    report,
    reviewers,
    run,
    show,
    status,
    verify,
    view,
)
from gra.cli.console import OutputLost, finish_output, prepare_output, say
from gra.cli.signals import heed_signals
from gra.errors import GraError

UNEXPECTED = 70
"""EX_SOFTWARE of sysexits: the fault is ours."""


class Commands(TyperGroup):
    """The commands, in the order of a person's day with them, and their common end."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; errors that are meant become a message and an exit code."""
        try:
            return super().invoke(ctx)
        except GraError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            say(f"gra: {error}")
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as stop:  # a command that knows how to go on says so in it
            say(f"\ngra: {str(stop) or 'stopped'}")
            raise typer.Exit(_interrupted(stop)) from None


def _interrupted(stop: KeyboardInterrupt) -> int:
    """The exit code that shells give for a signal."""
    return 128 + int(getattr(stop, "number", signal.SIGINT))


app = typer.Typer(
    name="gra",
    cls=Commands,
    help="Instruction-tuning data from several small language models that review each other.",
    # `rich` would draw help and errors in boxes: a third of a second more before anything appears.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"gra {version('gra-synth')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="GRA_DEBUG", help="Print the traceback of every error.")
    ] = False,
) -> None:
    """Options that go before the command."""


app.command("quickstart")(run.quickstart)
app.command("init")(init.init)
app.command("check")(check.check)
app.command("exam")(exam.exam)
app.command("preview")(preview.preview)
app.command("run")(run.run)
app.command("resume")(run.resume)
app.command("list")(listing.list_runs)
app.command("status")(status.status)
app.command("show")(show.show)
app.command("view")(view.view)
app.command("reviewers")(reviewers.reviewers)
app.command("report")(report.report)
app.command("diff")(diff.diff)
app.command("export")(export.export)
app.command("push")(push.push)
app.command("distill")(distill.distill)
app.command("verify")(verify.verify)
app.command("replay")(replay.replay)
app.command("ablate")(ablate.ablate)
app.add_typer(models.app, name="models")
app.add_typer(prompts.app, name="prompts")
app.command("completion")(completion.completion)


def main() -> None:
    """What the installed program calls."""
    prepare_output()
    heed_signals()
    completion.prepare()
    try:
        try:
            app()
        finally:
            finish_output()
    except KeyboardInterrupt as stop:  # in the moment between a command and the end
        sys.exit(_interrupted(stop))
    except OutputLost as lost:
        say(f"gra: {lost}")
        sys.exit(lost.exit_code)
    except Exception as error:  # noqa: BLE001 (the last place where it can be told in words)
        if "--debug" in sys.argv[1:] or os.environ.get("GRA_DEBUG"):
            traceback.print_exc()
        say(f"gra: an error that should not happen: {type(error).__name__}: {error}")
        say("     For its traceback: gra --debug " + " ".join(arg for arg in sys.argv[1:] if arg != "--debug"))
        sys.exit(UNEXPECTED)
