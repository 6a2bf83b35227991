"""Commands about trainings: ``train``, ``sweep`` and ``runs``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ..base.errors import InputError
from ..base.files import check_target
from . import options


@click.command("sweep")
@click.argument("file", type=click.File("rb"), required=False)
@options.jobs
@options.device
@options.scheduler
@click.option("--json", "as_json", is_flag=True, help="One JSON object per run at the end: its record.")
@click.option("--corpus", help="Train on this corpus, whatever FILE says.")
@click.option("--schema", is_flag=True, help="Show every value of a run with its type and default; train nothing.")
def sweep_command(
    file: Any, jobs: int, device: str, scheduler: str, as_json: bool, corpus: str | None, schema: bool
) -> None:
    """Train the runs of FILE that are not in the store yet, and show all of them.

    FILE is JSON: a list of runs, or {"base": RUN, "grid": {"model__budget": [0.1, 0.5], "seed": [0, 1, 2]}}.
    A run gives the values that are not the usual ones. Example: python -m mtlib sweep chapter4.json --jobs 2
    """
    from ..training import specs, sweeps

    if schema:
        click.echo(json.dumps(specs.schema(), indent=1))
        return
    if file is None:
        raise InputError("name a file of runs; `python -m mtlib sweep --schema` shows what a run is made of")
    try:
        wanted = specs.from_json(json.loads(file.read()))
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file.name}: not JSON ({error})") from None
    wanted = [spec.change(corpus=corpus) for spec in wanted] if corpus else wanted
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

    run = runs.named(key)
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


VIEWS: dict[str, dict[str, Any]] = {
    "log-mel": {},
    "linear-mel": {"magnitude": "linear"},
    "pcen-mel": {"magnitude": "pcen"},
    "log-stft": {"kind": "stft"},
    "linear-stft": {"kind": "stft", "magnitude": "linear"},
}
"""Front ends by name."""

SECONDS = ("7.25", "29")
"""Lengths of input that every structure has pooling for."""


@click.command("train")
@click.argument("corpus")
@click.option("--structure", default="compact", show_default=True, help="compact, crnn, k2c2, k1c2 or k2c1.")
@click.option("--budget", type=float, help="Million parameters of crnn, k2c2, k1c2, k2c1: 0.1 to 3.")
@click.option("--view", default="log-mel", show_default=True, type=click.Choice(tuple(VIEWS)))
@click.option("--seconds", type=click.Choice(SECONDS), help="Of each clip; by default the longest that fits.")
@click.option("--epochs", default="auto", show_default=True, help="A number; auto: about 2,000 steps.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Networks to train.")
@click.option("--log-dir", type=click.Path(path_type=Path, file_okay=False), help="Write curves here, as CSV "
              "and, where tensorboard is installed, for it.")  # fmt: skip
@options.jobs
@options.device
@options.scheduler
def train_command(
    corpus: str,
    structure: str,
    budget: float | None,
    view: str,
    seconds: str | None,
    epochs: str,
    seeds: int,
    log_dir: Path | None,
    jobs: int,
    device: str,
    scheduler: str,
) -> None:
    """Train a tagger on a prepared corpus; what is in the store already is read.

    Example: python -m mtlib train mine --structure k2c2 --budget 0.5 --seeds 3
    """
    import numpy as np

    from ..corpora.corpus import Corpus
    from ..training import specs, sweeps

    if log_dir:
        log_dir.mkdir(parents=True, exist_ok=True)
        check_target(log_dir / "curves.csv")
    source = Corpus.open(corpus)
    counts = {split: len(source.split(split)) for split in ("train", "valid", "test")}
    if lacking := [split for split, n in counts.items() if not n]:
        raise InputError(f"corpus {corpus} has no {lacking[0]} clips; a training needs train, valid and test")
    spec = specs.RunSpec(
        corpus=corpus,
        labels="observed" if "observed" in source.label_sets else source.label_sets[0],
        clip_seconds=_seconds(source, seconds),
        view=specs.View(**VIEWS[view]),
        model=specs.Model(structure=structure, budget=budget or (None if structure == "compact" else 0.1)),
    )
    batch = min(spec.training.batch, counts["train"])
    steps = max(1, counts["train"] // batch)
    if epochs != "auto" and not (epochs.isdigit() and int(epochs)):
        raise InputError(f"epochs must be auto or a whole number above 0, got {epochs!r}")
    n_epochs = min(60, max(4, round(2000 / steps))) if epochs == "auto" else int(epochs)
    spec = spec.change(training__epochs=n_epochs, training__batch=batch)
    click.echo(
        f"{corpus}: {', '.join(f'{n:,} {split}' for split, n in counts.items())}; {n_epochs} epochs of {steps} steps"
    )
    wanted = specs.grid(spec, seed=range(seeds))
    done = sweeps.sweep(wanted, device=device, n_jobs=jobs, scheduler=scheduler, report=click.echo)
    for run in done:
        click.echo(_line(run))
        if log_dir:
            _write_curves(run, log_dir)
    scores = np.array([run.metrics["score"] for run in done])
    if len(scores) > 1:
        from ..evidence import statistics

        low, high = statistics.mean_interval(scores)
        click.echo(f"mean of {len(scores)} seeds: {scores.mean():.4f}, 95 % interval {low:.4f} to {high:.4f}")
    best = max(done, key=lambda run: run.history["score"].max())  # chosen on validation clips
    click.echo(f"next: python -m mtlib evaluate {best.key[:12]} --html report.html")


def _seconds(source: Any, chosen: str | None) -> float:
    """Return the length of input: what was chosen, or the longest that fits the clips."""
    length = source.n_samples / source.sample_rate if source.n_samples else float(SECONDS[-1])
    fitting = [float(text) for text in SECONDS if float(text) <= length]
    if chosen is None and fitting:
        return fitting[-1]
    if chosen is None or float(chosen) > length:
        raise InputError(f"clips of corpus {source.name} have {length:.2f} s; a network takes {', '.join(SECONDS)} s")
    return float(chosen)


def _write_curves(run: Any, folder: Path) -> None:
    run.history.to_csv(folder / f"{run.key[:12]}.csv", index=False)
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        click.echo("tensorboard is not installed: the curves are in the CSV file alone", err=True)
        return
    with SummaryWriter(str(folder / run.key[:12])) as writer:
        for row in run.history.to_dict("records"):
            for name in ("loss", "score", "rate"):
                if name in row:
                    writer.add_scalar(name, row[name], int(row["epoch"]))
