"""Commands of chapter 3: ``label-noise procedure`` and ``label-noise trainings``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import click

from mtlib.commands import options


@click.group("label-noise")
def label_noise_group() -> None:
    """Compute chapter 3's recorded results again."""


@label_noise_group.command("procedure")
@click.option("--repetitions", default=1000, show_default=True, type=click.IntRange(2), help="A setting.")
@click.option("--seed", default=0, show_default=True, help="Of the population and of every draw.")
@click.option("--record", "keep", is_flag=True, help="Write the results to data/results.")
def procedure_command(repetitions: int, seed: int, keep: bool) -> None:
    """Repeat the thesis' re-annotation on synthetic labels whose truth is known: bias and coverage.

    Example: python -m mtlib label-noise procedure --record
    """
    from . import reannotation

    wanted, tables = reannotation.settings(), []
    for done, table in enumerate(reannotation.run(wanted, n_repetitions=repetitions, seed=seed), start=1):
        tables.append(table)
        one, worst = table.iloc[0], table.loc[table.coverage.idxmin()]
        click.echo(
            f"{done} of {len(wanted)}  {one.tag}, tagability {one.tagability}, {one.design}, {one.annotator} "
            f"({one.errors}): least coverage {worst.coverage:.3f} ({worst.quantity}, {worst.method})"
        )
    if keep:
        click.echo(f"kept in {reannotation.record(tables)}")


@label_noise_group.command("trainings")
@options.corpus
@options.profile
@click.option("--experiment", "names", multiple=True, help="Such as tagability; all by default.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Trainings of each kind.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@options.device
@options.scheduler
@click.option("--finished", is_flag=True, help="Train nothing; take what is in the store.")
@click.option("--record", "keep", is_flag=True, help="Merge the areas into data/results.")
def trainings_command(
    corpus: str,
    profile: str,
    names: tuple[str, ...],
    seeds: int,
    jobs: int,
    device: str,
    scheduler: str,
    finished: bool,
    keep: bool,
) -> None:
    """Train on noisy labels and score on true ones; what is in the store already is read.

    Example: python -m mtlib label-noise trainings --experiment tagability --seeds 5 --record
    """
    from . import trainings

    source = trainings.open_corpus(profile, corpus)
    wanted = trainings.trainings(source, profile, names, range(seeds))
    if finished:
        wanted = trainings.finished(wanted, device)
    table = trainings.areas(wanted, source, device=device, n_jobs=jobs, scheduler=scheduler, report=click.echo)
    means = table.groupby(["experiment", "setting"], sort=False)[["true", "observed"]].mean()
    click.echo(means.round(4).to_string())
    if keep:
        click.echo(f"kept in {trainings.record(table, corpus, profile)}")
