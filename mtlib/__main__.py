"""The command line: ``python -m mtlib COMMAND``.

A command exits with status 0 only on success; bad input is one line on standard error and status 1. A
command's module is imported when it is called, and makes its heavy imports inside the command.
"""

import importlib
import os
import signal
import sys
from typing import Any

import click

from .base.errors import InputError, refused

COMMANDS = {
    "architectures": "book.experiments.architectures.command:architectures_command",
    "book": "book.builder.command:book_command",
    "check": "mtlib.commands.prepare:check_command",
    "compare": "book.builder.command:compare_command",
    "convergence": "book.experiments.architectures.command:convergence_command",
    "evaluate": "mtlib.commands.evaluate:evaluate_command",
    "execute": "book.builder.command:execute_command",
    "export": "mtlib.commands.evaluate:export_command",
    "features": "mtlib.commands.listen:features_command",
    "fetch": "mtlib.commands.prepare:fetch_command",
    "label-noise": "book.experiments.label_noise.command:label_noise_group",
    "later": "book.experiments.later.command:later_group",
    "models": "book.experiments.architectures.command:models_command",
    "prepare": "mtlib.commands.prepare:prepare_command",
    "preprocessing": "book.experiments.preprocessing.command:preprocessing_command",
    "release": "book.builder.command:release_command",
    "runs": "mtlib.commands.train:runs_group",
    "snapshot": "book.builder.command:snapshot_command",
    "sweep": "mtlib.commands.train:sweep_command",
    "tag": "mtlib.commands.listen:tag_command",
    "train": "mtlib.commands.train:train_command",
    "transfer": "book.experiments.transfer.command:transfer_command",
    "transfer-runs": "book.experiments.transfer.command:transfer_runs_command",
    "understanding": "book.experiments.understanding.command:understanding_command",
}
"""Where each command is: module and name, as text, so that the shared module imports no chapter."""


class Program(click.Group):
    """The commands of `COMMANDS`, each imported when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a command; one that is part of the book says so where the book is not."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not module.startswith("book.") or not str(error.name).startswith("book"):
                raise
            return _absent(name)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; what the system refuses, such as writing to a full disk, ends in one line."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            try:
                sys.stdout.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what Python writes when it ends
            click.echo(f"Error: {refused(error)}", err=True)
            sys.exit(1)

    def invoke(self, context: click.Context) -> Any:
        """Run a command; bad input and interruptions end in one line."""
        try:
            return super().invoke(context)
        except InputError as error:
            click.echo(f"Error: {error}", err=True)
            context.exit(1)
        except KeyboardInterrupt as interruption:
            click.echo("Error: interrupted; what was finished is kept", err=True)
            context.exit(128 + (interruption.args or (signal.SIGINT,))[0])


def _absent(name: str) -> click.Command:
    """Return a command that says that it needs the book's repository."""

    def refuse() -> None:
        raise InputError(
            f"`{name}` belongs to the book, which is not installed with mtlib: clone the book's repository "
            f"and call `python -m mtlib {name}` there"
        )

    return click.Command(
        name, callback=refuse, help="Part of the book: needs its repository.", add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )  # fmt: skip


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
def program() -> None:
    """Run the executable companion to "Deep Neural Networks for Music Tagging"."""


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt(number)


def main() -> None:
    """Run the command line; SIGTERM and SIGHUP clean up as Ctrl-C does."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what a terminal has no sign for
    for number in {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)
    program(prog_name="python -m mtlib")


if __name__ == "__main__":
    main()
