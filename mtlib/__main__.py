"""The command line: ``python -m mtlib COMMAND``.

A command exits with status 0 only on success; bad input is one line on standard error and status 1.
Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from book.builder import command as build_commands
from book.experiments.architectures import command as architecture_commands
from book.experiments.label_noise import command as noise_commands
from book.experiments.transfer import command as transfer_commands
from book.experiments.understanding import command as understanding_commands

from .base import paths
from .base.errors import InputError
from .commands import prepare, train


class _Program(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except InputError as error:
            click.echo(f"Error: {error}", err=True)
            context.exit(1)
        except KeyboardInterrupt as interruption:
            click.echo("Error: interrupted; what was finished is kept", err=True)
            context.exit(128 + (interruption.args or (signal.SIGINT,))[0])


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
def program() -> None:
    """The executable companion to "Deep Neural Networks for Music Tagging"."""


def _parameters(pairs: tuple[str, ...], **standard: Any) -> dict[str, Any]:
    """Join NAME=VALUE pairs and the standard options; values are read as JSON where they are JSON."""
    values = {name: value for name, value in standard.items() if value is not None}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name.isidentifier():
            raise InputError(f"parameters are given as NAME=VALUE, got {pair!r}")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def _chapter_options(command: Any) -> Any:
    for option in (
        click.option(
            "-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A chapter's own."
        ),
        click.option("--seed", type=int, help="Seed of everything random."),
        click.option("--device", help="auto, cpu, cuda or cuda:N."),
        click.option("--corpus", help="synthetic, or a corpus prepared on this machine."),
        click.option("--profile", help="smoke, quick, cpu or gpu."),
    ):
        command = option(command)
    return command


@program.command()
@_chapter_options
@click.option("--no-browser", is_flag=True, help="Leave out the check in a browser at the end.")
def book(pairs: tuple[str, ...], no_browser: bool, **standard: Any) -> None:
    """Execute what is stale, render the book, and check it in a browser.

    Example: python -m mtlib book --profile quick
    """
    from book.builder import browser
    from book.builder import build as builder

    build = paths.build()
    first = builder.make(_parameters(pairs, **standard), build, click.echo)
    if no_browser:
        click.echo("the pages were not opened in a browser (--no-browser)")
    elif not browser.find():
        click.echo("no Chromium with chromedriver here: the pages were not opened")
    else:
        click.echo("opening every page in a browser")
        try:
            reports = browser.check(build / "html", builder.pages())
        except InputError as error:
            raise InputError(
                f"the book was built, but not checked in a browser: {error}; --no-browser skips the check"
            ) from error
        for report in reports:
            for problem in report.problems:
                click.echo(f"{report.page}: {problem}", err=True)
        if any(report.problems for report in reports):
            raise InputError("the book was built, but a reader would see the problems above")
    click.echo(f"open {os.path.relpath(first)}")


@program.command()
@click.argument("chapter")
@_chapter_options
def execute(chapter: str, pairs: tuple[str, ...], **standard: Any) -> None:
    """Run one chapter's notebook, whether it is stale or not.

    Example: python -m mtlib execute 2 --profile smoke
    """
    from book.builder import build as builder

    page = builder.find_notebook(chapter)
    parameters = _parameters(pairs, **standard)
    builder.check_parameters(parameters, page)
    builder.execute(page, parameters, paths.build(), click.echo)
    click.echo(f"kept {os.path.relpath(builder.executed_path(page, paths.build()))}")


@program.command()
@click.argument("what", default="artifacts")
@click.option("--list", "only_list", is_flag=True, help="Only tell what is there; download nothing.")
def fetch(what: str, only_list: bool) -> None:
    """Download and verify the author's published files, or a dataset; tell what is there.

    WHAT is artifacts (the default) or the name of a dataset. MagnaTagATune is downloaded; for the others
    the address, the size and the commands are printed.

    Example: python -m mtlib fetch magnatagatune
    """
    if what != "artifacts":
        prepare.fetch_dataset(what)
        return
    from tqdm import tqdm

    from .base import published

    failures = {}
    states = {name: published.state(artifact) for name, artifact in published.ARTIFACTS.items()}
    if not only_list:
        wanted = [name for name, found in states.items() if found != "present"]
        for name in tqdm(wanted, unit="file", disable=not sys.stderr.isatty()):
            try:
                published.fetch(name)
            except InputError as error:
                failures[name] = str(error)
            states[name] = published.state(published.ARTIFACTS[name])
    for name, found in states.items():
        click.echo(f"{found:8} {published.ARTIFACTS[name].n_bytes:>10,} bytes  {name}")
    counts = {found: list(states.values()).count(found) for found in ("present", "missing", "damaged")}
    click.echo(", ".join(f"{count} {found}" for found, count in counts.items()) + f" in {paths.published()}")
    if failures:
        raise InputError(
            f"{len(failures)} files could not be fetched; the first: {next(iter(failures.values()))}"
        )
    if counts["damaged"]:
        raise InputError("damaged files are not used; delete them and run `python -m mtlib fetch`")


@program.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", default="compact", show_default=True, help="compact, crnn, crnn_trained or cnn.")
@click.option("--top", default=5, show_default=True, type=click.IntRange(1, 50), help="Tags shown a file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, all fifty tags.")
def tag(files: tuple[Path, ...], model: str, top: int, as_json: bool) -> None:
    """Tag audio files, or all audio files of folders, with one of the author's networks.

    Example: python -m mtlib tag song.mp3 --top 10
    """
    from .networks import tagging
    from .signal import audio

    tagger = tagging.load_model(model)
    found, failures = tagging.find_audio(files)
    n_files = len(found) + len(failures)
    for line in failures:
        click.echo(f"Error: {line}", err=True)
    n_failed = len(failures)
    for path in found:
        try:
            result = tagging.tag_file(path, tagger)
        except InputError as error:
            n_failed += 1
            click.echo(f"Error: {error}", err=True)
            continue
        if as_json:
            click.echo(json.dumps(result.as_json()))
        else:
            click.echo(f"{audio.display_name(path)}  ({result.seconds:.1f} s, windows: {result.n_windows})")
            for name, probability in result.top(top):
                click.echo(f"  {probability:.3f}  {name}")
    if n_failed:
        raise InputError(f"{n_failed} of {n_files} files could not be tagged")


for module in (
    train,
    prepare,
    noise_commands,
    build_commands,
    architecture_commands,
    transfer_commands,
    understanding_commands,
):
    for command in module.COMMANDS:
        program.add_command(command)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt(number)


def main() -> None:
    """Run the command line; SIGTERM and SIGHUP clean up as Ctrl-C does."""
    for number in {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)
    program(prog_name="python -m mtlib")


if __name__ == "__main__":
    main()
