"""Commands about the book: ``book``, ``execute``, ``compare``, ``snapshot`` and ``release``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mtlib.base import paths
from mtlib.base.errors import InputError


def _read(name: str) -> dict[str, Any]:
    from . import compare

    if name == "published" and not Path(name).exists():
        if not compare.PUBLISHED.is_file():
            raise InputError("the numbers of the published book are not here; name a build folder instead")
        return compare.summarise(compare.PUBLISHED)
    return compare.summarise(Path(name))


@click.command("compare")
@click.argument("build_a")
@click.argument("build_b", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: everything that differs.")
def compare_command(build_a: str, build_b: str | None, as_json: bool) -> None:
    """Show how two builds of the book differ: parameters, numbers, intervals.

    A build is a folder (such as _build), a file that `snapshot` wrote, or "published" for the published
    book. BUILD_B is this folder's own build by default.

    Example: python -m mtlib compare published _build
    """
    from . import compare

    found = compare.compare(_read(build_a), _read(build_b or str(paths.build())))
    if as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
        return
    click.echo(f"first: {build_a}, second: {build_b or os.path.relpath(paths.build())}")
    for row in found.settings:
        click.echo(f"parameter  {row['page']}: {row['name']}: {row['first']} → {row['second']}")
    for row in found.numbers:
        click.echo(f"number     {row['page']}: {row['name']}: {row['first']} → {row['second']}  {row['change']}")
    for row in found.evidence:
        verdicts = dict.fromkeys((row["verdict first"], row["verdict second"]))
        change = f"{row['first']} → {row['second']}; overlap {row['overlap']}; " + " → ".join(verdicts)
        click.echo(f"evidence   {row['page']}: {row['claim']}: {change}")
    for row in found.missing:
        click.echo(f"only in the {row['only in']}  {row['what']}")
    click.echo(
        f"{len(found.numbers)} of {found.n_numbers} numbers and {len(found.evidence)} of {found.n_evidence} "
        f"pieces of evidence moved; pairs of intervals that do not overlap: {found.n_apart}"
    )


@click.command("snapshot")
@click.argument("build", required=False, type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Path(path_type=Path), help="data/results/published_build.json by default.")
def snapshot_command(build: Path | None, target: Path | None) -> None:
    """Write the parameters, numbers and evidence of a build into one file that `compare` reads.

    Example: python -m mtlib snapshot _build --to before.json
    """
    from . import compare

    path = compare.save(build or paths.build(), target or compare.PUBLISHED)
    click.echo(f"kept {os.path.relpath(path)}")


def _parameters(pairs: tuple[str, ...], **standard: Any) -> dict[str, Any]:
    """Join NAME=VALUE pairs and the standard options; values are read as JSON where they are JSON."""
    values = {name: value for name, value in standard.items() if value is not None}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name.isidentifier():
            raise InputError(f"parameters are given as NAME=VALUE, got {pair!r}")
        try:
            values[name] = json.loads(text)
        except (ValueError, RecursionError):
            values[name] = text
    return values


def _chapter_options(command: Any) -> Any:
    for option in (
        click.option("-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A chapter's own."),
        click.option("--seed", type=int, help="Seed of everything random."),
        click.option("--device", help="auto, cpu, cuda or cuda:N."),
        click.option("--corpus", help="synthetic, or a corpus prepared on this machine."),
        click.option("--profile", help="smoke, quick, cpu or gpu."),
    ):
        command = option(command)
    return command


@click.command("book")
@_chapter_options
@click.option("--no-browser", is_flag=True, help="Leave out the check in a browser at the end.")
def book_command(pairs: tuple[str, ...], no_browser: bool, **standard: Any) -> None:
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


@click.command("execute")
@click.argument("chapter")
@_chapter_options
def execute_command(chapter: str, pairs: tuple[str, ...], **standard: Any) -> None:
    """Run one chapter's notebook, whether it is stale or not.

    Example: python -m mtlib execute 2 --profile smoke
    """
    from book.builder import build as builder

    page = builder.find_notebook(chapter)
    parameters = _parameters(pairs, **standard)
    builder.check_parameters(parameters, page)
    builder.execute(page, parameters, paths.build(), click.echo)
    click.echo(f"kept {os.path.relpath(builder.executed_path(page, paths.build()))}")


@click.command("release")
def release_command() -> None:
    """Zip the public book and its executed notebooks, with their SHA-256.

    Example: make release
    """
    from . import release

    for path in release.write(paths.build()):
        click.echo(f"kept {os.path.relpath(path)}")
