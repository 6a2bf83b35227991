"""Commands about networks, trainings and features; `mtlib.__main__` adds them.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ..base.errors import InputError
from ..base.files import check_replaceable
from . import options


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, every count and layer.")
def models_command(as_json: bool) -> None:
    """List the thesis' networks: parameters, multiply-adds, memory traffic, receptive field.

    Example: python -m mtlib models --json
    """
    from ..networks import complexity

    rows = complexity.every()
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    click.echo(f"{'network':20} {'parameters':>11} {'in convolutions':>16} {'multiply-adds':>14} "
               f"{'moved':>9} {'sees (bins × frames)':>21}")  # fmt: skip
    for row in rows:
        extra = {"n_freq": "{}", "kernel_time": "k={}"}
        notes = [text.format(row["options"][name]) for name, text in extra.items() if name in row["options"]]
        name = " ".join([row["structure"], *([f"{row['width']}M"] if row["width"] else []), *notes])
        freq, frames = row["receptive_field"]
        click.echo(f"{name:20} {row['parameters']:>11,} {row['convolution_share']:>16.1%} "
                   f"{row['multiply_adds'] / 1e6:>12,.0f}M {row['moved_bytes'] / 1e6:>7,.0f}MB "
                   f"{f'{freq} × {frames}':>21}")  # fmt: skip


@click.command("sweep")
@click.argument("file", type=click.File())
@options.jobs
@options.device
@options.scheduler
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run at the end: its record.")
def sweep_command(file: Any, jobs: int, device: str, scheduler: str, as_json: bool) -> None:
    """Train the runs of FILE that are not in the store yet, and show all of them.

    FILE is JSON: a list of runs, or {"base": RUN, "grid": {"model__budget": [0.1, 0.5], "seed": [0, 1, 2]}}.
    A run gives the values that are not the usual ones. Example: python -m mtlib sweep chapter4.json --jobs 2
    """
    from ..training import specs, sweeps

    try:
        content = json.load(file)
    except ValueError as error:
        raise InputError(f"{file.name}: not JSON ({error})") from error
    if isinstance(content, dict) and "grid" in content:
        if unknown := set(content) - {"base", "grid"}:
            raise InputError(f"{file.name}: unknown {sorted(unknown)[0]!r} beside base and grid")
        wanted = specs.grid(specs.from_dict(content.get("base", {})), **content["grid"])
    else:
        wanted = [specs.from_dict(values) for values in (content if isinstance(content, list) else [content])]
    tell = (lambda line: click.echo(line, err=True)) if as_json else click.echo
    for run in sweeps.sweep(wanted, device=device, n_jobs=jobs, scheduler=scheduler, report=tell):
        click.echo(json.dumps(run.record) if as_json else _line(run))


@click.group("runs")
def runs_group() -> None:
    """List, show and delete finished trainings."""


@runs_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run.")
def list_runs(as_json: bool) -> None:
    """List the finished runs, oldest first.

    Example: python -m mtlib runs list
    """
    from ..training import runs

    found = runs.finished()
    for run in found:
        click.echo(json.dumps(run.record) if as_json else _line(run))
    if not as_json:
        click.echo(f"{len(found)} runs in {runs.store()}")


@runs_group.command("show")
@click.argument("key")
def show_run(key: str) -> None:
    """Show everything about the run whose key begins with KEY.

    Example: python -m mtlib runs show 3f2a
    """
    from ..training import runs

    if (run := runs.find(key)) is None:
        raise InputError(f"no run begins with {key!r}; python -m mtlib runs list shows them")
    click.echo(json.dumps({**run.record, "spec": asdict(run.spec)}, indent=1))
    click.echo(run.history.to_string(index=False))


@runs_group.command("prune")
@click.option("--outdated", is_flag=True, help="Also runs that other code trained.")
@click.option("--delete", is_flag=True, help="Delete; without it, only tell what would go.")
def prune_runs(outdated: bool, delete: bool) -> None:
    """Delete what interrupted trainings left behind.

    Example: python -m mtlib runs prune --outdated --delete
    """
    from ..training import runs

    found = runs.prunable(outdated=outdated)
    for folder, reason in found.items():
        click.echo(f"{folder.name}  {reason}")
    if delete:
        runs.prune(found)
    click.echo(f"{len(found)} folders {'deleted' if delete else 'would go; add --delete'}")


def _line(run: Any) -> str:
    score, seconds = run.metrics["score"], run.record["seconds"]
    return f"{run.key[:12]}  {score:.4f}  {seconds:6.0f} s  {run.record['title']}"


@click.command("transfer")
@click.option("--task", "tasks", multiple=True, help="T1, T2, T3, T4a, T4v, T5 or T6; all by default.")
@click.option("--set", "sets", multiple=True, help="Such as 135, mfcc, 12345+mfcc; all by default.")
@click.option("--protocol", default="thesis", show_default=True, help="thesis, scaled, honest or filtered.")
@click.option("--seed", default=0, show_default=True, help="Of the shuffled folds (honest alone).")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@options.scheduler
@click.option("--max-iter", type=int, help="Steps a machine may take, 20 million by default; -1: any.")
@click.option("--record", "keep", is_flag=True, help="Merge the scores into data/results.")
def transfer_command(
    tasks: tuple[str, ...],
    sets: tuple[str, ...],
    protocol: str,
    seed: int,
    jobs: int,
    scheduler: str,
    max_iter: int | None,
    keep: bool,
) -> None:
    """Score the author's features on his target tasks; scores already in the store are read.

    Example: python -m mtlib transfer --task T3 --set 12345 --protocol honest
    """
    from book.experiments.transfer import protocols, published_features

    cells = protocols.cells(tasks or tuple(published_features.TASKS), sets, protocol, seed)
    max_iter = protocols.MAX_ITER if max_iter is None else max_iter
    results = []
    for result in protocols.sweep(cells, n_jobs=jobs, scheduler=scheduler, max_iter=max_iter):
        results.append(result)
        click.echo(
            f"{len(results)} of {len(cells)}  {result.task} {result.set} {protocol}: {result.score:.4f}  "
            f"({result.configuration}; {result.seconds:.0f} s"
            + (f"; {result.n_unfinished} configurations left out)" if result.n_unfinished else ")")
        )
    if keep:
        click.echo(f"kept in {protocols.record(results)}")


@click.command("features")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="An .npz file.")
@click.option(
    "--network",
    default="compact",
    show_default=True,
    help="compact, random, mfcc, or the key of a run (`runs list`).",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of random weights.")
def features_command(files: tuple[Path, ...], output: Path, network: str, seed: int) -> None:
    """Describe audio files, or all audio files of folders, by 160 values each, for a classifier of your own.

    OUTPUT holds files, features (a row a file) and layers (the layer of each value).
    Example: python -m mtlib features FOLDER -o features.npz
    """
    import numpy as np
    from tqdm import tqdm

    from ..networks import tagging
    from ..signal import audio
    from ..training import features

    if output.suffix != ".npz" or not output.parent.is_dir():
        raise InputError(f"{output}: name an .npz file in a folder that exists")
    check_replaceable(output, b"files.npy")
    if network == "compact1":
        raise InputError("compact1 normalises with the batch: a file has no features of its own; use compact")
    extractor = features.find(network, seed)
    found, failures = tagging.find_audio(files)
    rows, names = [], []
    for path in tqdm(found, unit="file", disable=not sys.stderr.isatty()):
        try:
            rows.append(features.of_file(path, extractor))
            names.append(audio.display_name(path))
        except InputError as error:
            failures.append(str(error))
    for line in failures:
        click.echo(f"Error: {line}", err=True)
    if not rows:
        raise InputError(f"no features: none of {len(failures)} files could be used; {output} is not written")
    features.save(output, names, np.stack(rows), extractor)
    click.echo(f"{output}: {len(rows)} files, {len(rows[0])} values each")
    if failures:
        raise InputError(f"{len(failures)} files are left out, see above")


@click.command("preprocessing")
@options.profile
@options.corpus
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Of a configuration.")
@click.option("--first", default=0, type=click.IntRange(0), help="Only so many runs, by importance; 0: all.")
@options.device
@options.jobs
@options.scheduler
@click.option("--record", "keep", is_flag=True, help="Train nothing; write what is finished to data/results.")
def preprocessing_command(
    profile: str, corpus: str, seeds: int, first: int, device: str, jobs: int, scheduler: str, keep: bool
) -> None:
    """Train chapter 5 in full: every configuration, size and seed; what is in the store is read.

    Example: python -m mtlib preprocessing --profile quick --seeds 3
    """
    from book.experiments.preprocessing import trainings

    from ..base import profiles
    from ..corpora import opening
    from ..training import sweeps

    given = {"profile": profile, "corpus": corpus, "seed": 0, "device": device, "scheduler": scheduler}
    settings = profiles.check(given)
    named = trainings.plan(trainings.base(settings, opening.open_source(settings)), seeds)
    named = named[: first or None]
    if not keep:
        specs = [spec for _, spec in named]
        sweeps.sweep(specs, device=device, n_jobs=jobs, scheduler=scheduler, report=click.echo)
        return
    found = sweeps.finished(named, device)
    trainings.record(found, profile)
    click.echo(f"{len(found)} of {len(named)} runs are in data/results")


COMMANDS = (
    models_command, sweep_command, runs_group, transfer_command, features_command, preprocessing_command,
)  # fmt: skip
