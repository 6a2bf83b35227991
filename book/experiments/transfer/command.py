"""Commands that compute chapter 6's recorded results: ``transfer`` and ``transfer-runs``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import click

from mtlib.commands import options


@click.command("transfer-runs")
@click.option("--corpus", default="synthetic", show_default=True, help="Source: synthetic, or a prepared corpus.")
@options.profile
@click.option("--target", "names", multiple=True, help="Such as genre; all synthetic and prepared ones by default.")
@click.option("--features", "kinds", multiple=True, help="Such as random; all by default.")
@click.option("--set", "sets", multiple=True, help="Such as 12345; single layers and all of them by default.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Networks of each kind.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes that train.")
@options.device
@options.scheduler
@click.option("--record", "keep", is_flag=True, help="Merge the scores into data/results.")
def transfer_runs_command(
    corpus: str,
    profile: str,
    names: tuple[str, ...],
    kinds: tuple[str, ...],
    sets: tuple[str, ...],
    seeds: int,
    jobs: int,
    device: str,
    scheduler: str,
    keep: bool,
) -> None:
    """Train source taggers, and score what their layers know on the target tasks.

    Example: python -m mtlib transfer-runs --target genre --seeds 1
    """
    import pandas as pd

    from mtlib.base import profiles
    from mtlib.corpora.synthetic import opening
    from mtlib.training import taggers

    from . import trainings

    targets = trainings.target_names(",".join(names) or "synthetic")
    source = opening.open_source(profile, corpus, scheduler=scheduler)
    sizes, tables = profiles.named(profile), []
    for seed in range(seeds):
        made = taggers.extractors(
            source, sizes, kinds or taggers.FEATURES, seed,
            n_jobs=jobs, device=device, scheduler=scheduler, report=click.echo,
        )  # fmt: skip
        for name in targets:
            task = trainings.open_task(name, sizes)
            table = trainings.scores(name, task, made, sets or trainings.LAYERS).assign(seed=seed)
            for (title, kind), part in table.groupby(["task", "features"], sort=False):
                best = part.groupby("set").score.mean()
                click.echo(f"seed {seed}  {title}, {kind}: best {best.max():.3f} ({best.idxmax()})")
            tables.append(table)
            if keep:
                trainings.record(table, profile, source.name)
    found = pd.concat(tables)
    click.echo(f"{len(found)} scores" + ("" if keep else "; add --record to keep them in data/results"))


@click.command("transfer")
@click.option("--task", "tasks", multiple=True, help="T1, T2, T3, T4a, T4v, T5 or T6; all by default.")
@click.option("--set", "sets", multiple=True, help="Such as 135, mfcc, 12345+mfcc; all by default.")
@click.option("--protocol", default="thesis", show_default=True, help="Of thesis, scaled, nested, blocks, filtered.")
@click.option("--seed", default=0, show_default=True, help="Of the shuffled folds (nested alone).")
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

    Example: python -m mtlib transfer --task T3 --set 12345 --protocol nested
    """
    from . import protocols, published_features, scoreboard

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
        scoreboard.record_clips(results)
