"""The command of chapter 4, ``architectures``; `mtlib.__main__` adds it.

Heavy imports happen inside the command, so that ``--help`` answers at once.
"""

import click


@click.command("architectures")
@click.option("--profile", default="quick", show_default=True, help="smoke, quick, cpu or gpu.")
@click.option("--corpus", default="synthetic", show_default=True, help="Or one prepared on this machine.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Of a configuration.")
@click.option("--first", default=0, type=click.IntRange(0), help="Only so many runs, by importance; 0: all.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--jobs", default=0, help="Processes on this machine; 0: one a core on a CPU, one on a GPU.")
@click.option("--scheduler", default="", help="tcp://HOST:PORT of a Dask cluster.")
@click.option("--record", "keep", is_flag=True, help="Train nothing; write what is finished to data/results.")
def architectures_command(
    profile: str, corpus: str, seeds: int, first: int, device: str, jobs: int, scheduler: str, keep: bool
) -> None:
    """Train chapter 4 in full: learning rates, structures, sizes, seeds; what is in the store is read.

    Example: python -m mtlib architectures --profile quick --seeds 3
    """
    from . import architectures, profiles, runs, sources, sweeps

    given = {"profile": profile, "corpus": corpus, "seed": 0, "device": device, "scheduler": scheduler}
    settings = profiles.check(given)
    spec = architectures.base(settings, sources.open_source(settings))
    options = {"device": device, "n_jobs": jobs, "scheduler": scheduler, "report": click.echo}

    def finished(named: architectures.Plan) -> list[tuple[str, runs.Run]]:
        keys = [resolved.key for resolved in sweeps.resolve([run for _, run in named], device)]
        found = [(name, runs.Run(key)) for (name, _), key in zip(named, keys, strict=True)]
        return [(name, run) for name, run in found if (run.folder / "record.json").is_file()]

    tried = architectures.rate_runs(spec)
    if not keep:
        sweeps.sweep([run for _, run in tried[: first or None]], **options)
    rates = architectures.chosen_rates(architectures.table(found)) if (found := finished(tried)) else {}
    for name, rate in rates.items():
        click.echo(f"learning rate of {name}: {rate:g}")
    named = architectures.plan(spec, rates, seeds)[: first or None]
    if not keep:
        sweeps.sweep([run for _, run in named], **options)
        return
    found = finished(named)
    architectures.record(found)
    click.echo(f"{len(found)} of {len(named)} runs are in data/results/architectures.csv")


COMMANDS = (architectures_command,)
