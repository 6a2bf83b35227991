"""Commands about trainings: ``sweep`` and ``runs``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
from dataclasses import asdict
from typing import Any

import click

from ..base.errors import InputError
from . import options


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
