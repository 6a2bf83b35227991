"""The command that computes chapter 5's recorded results, ``preprocessing``.

Heavy imports happen inside the command, so that ``--help`` answers at once.
"""

import click

from mtlib.commands import options


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
    from mtlib.base import profiles
    from mtlib.corpora.synthetic import opening
    from mtlib.training import sweeps, taggers

    from . import results, trainings

    given = {"profile": profile, "corpus": corpus, "seed": 0, "device": device, "scheduler": scheduler}
    settings = profiles.check(given)
    named = trainings.plan(taggers.base(settings, opening.open_source(settings)), seeds)
    named = named[: first or None]
    if not keep:
        specs = [spec for _, spec in named]
        sweeps.sweep(specs, device=device, n_jobs=jobs, scheduler=scheduler, report=click.echo)
        return
    found = sweeps.finished(named, device)
    results.record(found, profile)
    click.echo(f"{len(found)} of {len(named)} runs are in data/results")
