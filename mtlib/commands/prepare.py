"""Commands about datasets and published files: ``check``, ``prepare`` and ``fetch``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ..base import paths
from ..base.errors import InputError


@contextmanager
def _progress(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, a line every tenth elsewhere."""
    from tqdm import tqdm

    told = [0]
    with tqdm(unit=unit, disable=not sys.stderr.isatty()) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            tenth = 10 * done // max(total, 1)
            if bar.disable and tenth > told[0]:
                told[0] = tenth
                click.echo(f"{done:,} of {total:,} {unit}s")

        yield show


def _options(command: Any) -> Any:
    for option in (
        click.option("--scheduler", default="", help="tcp://HOST:PORT of a Dask scheduler."),
        click.option("--jobs", default=-1, show_default="all cores", type=int, help="Processes here."),
        click.option("--report", default="report.csv", show_default=True, type=click.Path(path_type=Path),
                     help="Table of every clip left out or noted."),
        click.option("--short", default="drop", show_default=True,
                     type=click.Choice(["drop", "pad", "repeat"]), help="For clips below 29.12 s."),
        click.option("--root", type=click.Path(path_type=Path), help="Where the dataset was unpacked."),
    ):  # fmt: skip
        command = option(command)
    return command


def _root(name: str, root: Path | None) -> Path:
    if root is not None:
        return root
    fetched = paths.home() / "datasets" / name
    if not fetched.is_dir():
        raise InputError(
            f"where is {name}? Type --root FOLDER; `python -m mtlib fetch {name}` tells how to get it"
        )
    return fetched


@click.command("check")
@click.argument("dataset")
@_options
def check_command(
    dataset: str, root: Path | None, short: str, report: Path, jobs: int, scheduler: str
) -> None:
    """Decode every clip of a dataset and tell what is wrong; store nothing.

    Example: python -m mtlib check gtzan_genre --root ~/data/gtzan
    """
    from ..corpora import datasets, preparation

    found = datasets.find(dataset)
    with _progress("clip") as progress:
        result = preparation.check(
            found, _root(dataset, root), short=short, n_jobs=jobs, scheduler=scheduler, progress=progress
        )
    _tell(result, report)
    if result.failed:
        raise InputError(f"not all clips can be used; {report} lists every one")


@click.command("prepare")
@click.argument("dataset")
@_options
@click.option("--name", default="", help="Name of the corpus; the dataset's by default.")
@click.option("--limit", type=click.IntRange(1), help="Take about this many clips, to try it out.")
@click.option("--dedupe", is_flag=True, help="Leave out clips that are listed as the same audio.")
@click.option("--allow-missing", is_flag=True, help="Let splits be used that lost more than 1 %.")
@click.option("--labels-only", is_flag=True, help="Labels and splits without audio, for chapter 3.")
@click.option("--profile", default="quick", show_default=True, help="Size of the synthetic corpus.")
def prepare_command(
    dataset: str,
    root: Path | None,
    short: str,
    report: Path,
    jobs: int,
    scheduler: str,
    profile: str,
    labels_only: bool,
    **options: Any,
) -> None:
    """Decode a dataset once and register it as a corpus; interrupted, it goes on where it was.

    The dataset ``synthetic`` needs no files: it is composed and rendered, in the size of a profile;
    ``synthetic-genre`` and the like are target tasks. With ``--labels-only``, magnatagatune,
    msd_lastfm and mtg_jamendo need no audio: their labels are fetched, or read from the root.

    Example: python -m mtlib prepare magnatagatune --root ~/data/magnatagatune
    """
    from ..corpora.preparation import n_clips

    synthetic, _, target = dataset.partition("-")
    if synthetic == "synthetic":
        from ..corpora import opening

        if target:
            made = opening.open_target(target, profile, n_jobs=jobs, scheduler=scheduler)
        else:
            made = opening.open_source(profile, n_jobs=jobs, scheduler=scheduler)
        click.echo(f"corpus {made.name}: {n_clips(len(made))}; chapters open it with --profile {profile}")
        return
    if labels_only:
        from ..corpora.datasets import labels_only as labels

        made = labels.prepare(dataset, root, options["name"])
        click.echo(f"corpus {made.name}: the labels of {n_clips(len(made))}")
        return
    from ..corpora import datasets, preparation

    found, folder = datasets.find(dataset), _root(dataset, root)
    click.echo(preparation.estimate(found, preparation.look(found, folder)))
    try:
        with _progress("clip") as progress:
            made, result = preparation.prepare(
                found, folder, short=short, n_jobs=jobs, scheduler=scheduler, progress=progress, **options
            )
    except preparation.NoClips as error:
        _tell(error.report, report)
        raise
    _tell(result, report)
    click.echo(f"corpus {made.name}: {n_clips(len(made))}; use it with --corpus {made.name}")
    if result.failed and not options["allow_missing"]:
        raise InputError(
            f"the corpus is ready without the clips above ({report} lists every one); "
            "a split that lost more than 1% is refused unless --allow-missing is given"
        )


def _tell(result: Any, report: Path) -> None:
    for line in result.lines:
        click.echo(line)
    result.save(report)


@click.command("fetch")
@click.argument("what", default="artifacts")
@click.option("--list", "only_list", is_flag=True, help="Only tell what is there; download nothing.")
def fetch_command(what: str, only_list: bool) -> None:
    """Download and verify published files, or a dataset; say what is there.

    WHAT is artifacts (the default: the thesis author's files), later (labels, networks and scores of later
    work) or the name of a dataset. MagnaTagATune is downloaded; for the others the address, the size and
    the commands are printed.

    Example: python -m mtlib fetch later
    """
    if what not in ("artifacts", "later"):
        _fetch_dataset(what)
        return
    from tqdm import tqdm

    from ..base import published

    failures = {}
    states = {
        name: published.state(artifact)
        for name, artifact in published.ARTIFACTS.items()
        if (artifact.owner == published.AUTHOR) == (what == "artifacts")
    }
    if not only_list:
        wanted = [name for name, found in states.items() if found != "present"]
        for name in tqdm(wanted, unit="file", disable=not sys.stderr.isatty()):
            try:
                published.fetch(name)
            except InputError as error:
                failures[name] = str(error)
            states[name] = published.state(published.ARTIFACTS[name])
    for name, found in states.items():
        artifact = published.ARTIFACTS[name]
        size = f"{artifact.n_bytes:>10,}" if artifact.reachable else f"{'unknown':>10}"
        click.echo(f"{found:8} {size} bytes  {name}")
    counts = {found: list(states.values()).count(found) for found in ("present", "missing", "damaged")}
    click.echo(", ".join(f"{count} {found}" for found, count in counts.items()) + f" in {paths.published()}")
    if failures:
        raise InputError(
            f"{len(failures)} files could not be fetched; the first: {next(iter(failures.values()))}"
        )
    if counts["damaged"]:
        raise InputError(f"damaged files are not used; delete them and run `python -m mtlib fetch {what}`")


def _fetch_dataset(name: str) -> None:
    """Fetch MagnaTagATune, or say how to get another dataset."""
    from ..corpora import datasets
    from ..corpora.datasets import downloads

    dataset = datasets.find(name)
    if name != "magnatagatune":
        click.echo(f"{dataset.title} is not fetched from here. {dataset.page}")
        for line in (*dataset.commands, *(f"# {f}  {c}" for f, c in dataset.checksums.items())):
            click.echo(f"  {line}")
        click.echo(
            f"size: {dataset.size}\nlicence: {dataset.licence}\ncite: {dataset.citation}\n{dataset.faults}"
        )
        click.echo(f"then: python -m mtlib prepare {name} --root FOLDER")
        return
    folder = paths.home() / "datasets" / name
    click.echo(f"{dataset.size}; {dataset.licence}; into {folder}")
    with _progress("byte") as bar:
        downloads.fetch_magnatagatune(dataset, folder, progress=lambda _, done, total: bar(done, total))
    click.echo(f"next: python -m mtlib prepare {name}")
