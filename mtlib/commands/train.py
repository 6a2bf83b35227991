"""Commands about networks and trainings: ``models``, ``sweep`` and ``runs``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
from dataclasses import asdict
from typing import Any

import click

from ..base.errors import InputError
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
@click.argument("file", type=click.File("rb"))
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
        wanted = specs.from_json(json.loads(file.read()))
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file.name}: not JSON ({error})") from None
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
