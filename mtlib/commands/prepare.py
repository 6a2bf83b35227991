"""Commands about datasets and published files: ``check``, ``prepare`` and ``fetch``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import sys
from pathlib import Path
from typing import Any

import click

from ..base import parallel, paths
from ..base.errors import InputError
from ..base.files import check_target


def _options(command: Any) -> Any:
    for option in (
        click.option("--scheduler", default="", help="tcp://HOST:PORT of a Dask scheduler."),
        click.option("--jobs", default=-1, show_default="all cores", type=int, help="Processes here."),
        click.option("--report", default="report.csv", show_default=True, type=click.Path(path_type=Path),
                     help="Table of every clip left out or noted."),
        click.option("--short", type=click.Choice(["drop", "pad", "repeat"]),
                     help="For clips that are too short; drop, but repeat in a folder of your own."),
        click.option("--labels", type=click.Path(path_type=Path, exists=True),
                     help="Of the dataset folder: a table of paths and labels, or a folder of JAMS files."),
        click.option("--class-folders", is_flag=True, help="Of the dataset folder: each folder is a class."),
        click.option("--seconds", default=29.12, show_default=True, type=click.FloatRange(0),
                     help="Of the dataset folder: what to keep of each file; 0: all of it."),
        click.option("--root", type=click.Path(path_type=Path, readable=False),
                     help="Where the dataset was unpacked."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command("check")
@click.argument("dataset", required=False)
@_options
@click.option("--corpus", help="Compare a prepared corpus with its checksums instead.")
def check_command(
    dataset: str | None,
    root: Path | None,
    short: str | None,
    report: Path,
    jobs: int,
    scheduler: str,
    corpus: str | None,
    **own: Any,
) -> None:
    """Decode every clip of a dataset, or of the dataset `folder`, and report what is wrong; store nothing.

    Example: python -m mtlib check gtzan_genre --root ~/data/gtzan
    """
    from ..corpora import datasets
    from ..corpora.corpus import Corpus
    from ..corpora.datasets import preparation

    if (dataset is None) is (corpus is None):
        raise InputError("name a dataset, or a prepared corpus with --corpus NAME")
    if corpus is not None:
        stored = Corpus.open(corpus)
        stored.verify()
        click.echo(f"corpus {stored.name}: {preparation.n_clips(len(stored))}, all as they were stored")
        return
    assert dataset is not None  # one of the two was named
    check_target(report, b"clip_id,path,split,")
    found, folder, short = datasets.opened(dataset, root, short, **own)
    with parallel.progress("clip") as progress:
        result = preparation.check(found, folder, short=short, n_jobs=jobs, scheduler=scheduler, progress=progress)
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
    short: str | None,
    report: Path,
    jobs: int,
    scheduler: str,
    profile: str,
    labels_only: bool,
    labels: Path | None,
    class_folders: bool,
    seconds: float,
    **options: Any,
) -> None:
    """Decode a dataset once and register it as a corpus; interrupted, it goes on where it was.

    What is there already is compared with its checksums, and made again where it is damaged.

    The dataset ``synthetic`` needs no files: it is composed and rendered, in the size of a profile;
    ``synthetic-genre`` and the like are target tasks. The dataset ``folder`` is your own music: --root,
    --labels or --class-folders, and --name. With ``--labels-only``, magnatagatune,
    msd_lastfm and mtg_jamendo need no audio: their labels are fetched, or read from the root.

    Example: python -m mtlib prepare magnatagatune --root ~/data/magnatagatune
    """
    from ..corpora.datasets.preparation import n_clips

    synthetic, _, target = dataset.partition("-")
    if synthetic == "synthetic":
        from ..corpora.synthetic import opening

        if target:
            made = opening.open_target(target, profile, n_jobs=jobs, scheduler=scheduler)
        else:
            made = opening.open_source(profile, n_jobs=jobs, scheduler=scheduler)
        click.echo(f"corpus {made.name}: {n_clips(len(made))}; chapters open it with --profile {profile}")
        return
    if labels_only:
        from ..corpora.datasets import labels_only as without_audio

        made = without_audio.prepare(dataset, root, options["name"])
        click.echo(f"corpus {made.name}: the labels of {n_clips(len(made))}")
        return
    from ..corpora import datasets
    from ..corpora.datasets import preparation

    if dataset == "folder" and not options["name"]:
        raise InputError("give the corpus a name: --name NAME")
    check_target(report, b"clip_id,path,split,")
    found, folder, short = datasets.opened(dataset, root, short, labels, class_folders, seconds)
    click.echo(preparation.estimate(found, preparation.look(found, folder)))
    try:
        with parallel.progress("clip") as progress:
            made, result = preparation.prepare(
                found, folder, short=short, n_jobs=jobs, scheduler=scheduler, progress=progress, **options
            )
    except preparation.NoClips as error:
        _tell(error.report, report)
        raise
    _tell(result, report)
    click.echo(f"corpus {made.name}: {n_clips(len(made))}; use it with --corpus {made.name}")
    if dataset == "folder":
        for line in ("train NAME", "evaluate RUN --html report.html", "tag song.mp3 --model RUN"):
            click.echo(f"next: python -m mtlib {line.replace('NAME', made.name)}")
    if result.failed and not options["allow_missing"]:
        raise InputError(
            f"the corpus is ready without the clips above ({report} lists every one); "
            "a split that lost more than 1% is refused unless --allow-missing is given"
        )


def _tell(result: Any, report: Path) -> None:
    for line in result.lines:
        click.echo(line)
    try:
        result.save(report)
    except (InputError, OSError) as error:
        click.echo(result.table())
        raise InputError(f"{report} cannot be written ({error}); its lines are above") from None


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
        _fetch_dataset(what, only_list)
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
    counts = {found: list(states.values()).count(found) for found in published.STATES}
    click.echo(", ".join(f"{count} {found}" for found, count in counts.items()) + f" in {paths.published()}")
    if failures:
        raise InputError(f"{len(failures)} files could not be fetched; the first: {next(iter(failures.values()))}")
    if counts["unreadable"]:
        raise InputError(f"{counts['unreadable']} files cannot be read; check their owner and rights")
    if counts["damaged"]:
        raise InputError(f"damaged files are not used; delete them and run `python -m mtlib fetch {what}`")


def _fetch_dataset(name: str, only_list: bool) -> None:
    """Fetch MagnaTagATune, or say which of its files are there, or how to get another dataset."""
    from ..corpora import datasets
    from ..corpora.datasets import downloads

    dataset, folder = datasets.find(name), paths.home() / "datasets" / name
    only_list = only_list or name != "magnatagatune"
    for line in dataset.directions(folder) if only_list else (f"{dataset.size}; {dataset.licence}; into {folder}",):
        click.echo(line)
    if only_list:
        return
    with parallel.progress("byte") as bar:
        downloads.fetch_magnatagatune(dataset, folder, progress=lambda _, done, total: bar(done, total))
    click.echo(f"next: python -m mtlib prepare {name}")
