"""Commands of later work: ``later features``, ``later genres``, ``later scores`` and ``later transfer``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

from pathlib import Path

import click


@click.group("later")
def later_group() -> None:
    """Compute again what is recorded about later work."""


@later_group.command("genres")
@click.option("--folder", type=click.Path(path_type=Path), help="One folder for each genre of GTZAN.")
@click.option("--seed", default=0, show_default=True, help="Of the resampled clips.")
@click.option("--record", "keep", is_flag=True, help="Write the tables to data/results.")
def genres_command(folder: Path | None, seed: int, keep: bool) -> None:
    """Tag excerpts of GTZAN with every published network: the area of each genre's tag.

    Example: python -m mtlib later genres --folder ~/data/gtzan/genres
    """
    import numpy as np

    from . import genres

    clips, scores = genres.find_clips(folder), {}
    for network in genres.NETWORKS:
        scores[network] = genres.probabilities(network, clips)
        click.echo(f"{network}: {len(clips)} clips")
    labels = np.array([clip.parent.name for clip in clips])
    table = genres.areas(labels, scores, np.random.default_rng(seed))
    pairs = genres.differences(labels, scores, np.random.default_rng(seed))
    click.echo(table[table.genre == "mean"].round(3).to_string(index=False))
    if keep:
        click.echo(f"kept in {genres.record(table, pairs, clips)}")


@later_group.command("scores")
@click.option("--record", "keep", is_flag=True, help="Write the table to data/later.")
def scores_command(keep: bool) -> None:
    """Read the scores that later work published, from its own files, as one table.

    Example: python -m mtlib later scores --record
    """
    from . import scores

    table = scores.read()
    click.echo(table[["paper", "network", "dataset", "metric", "value"]].to_string(index=False))
    if keep:
        click.echo(f"kept in {scores.record(table)}")


@later_group.command("transfer")
@click.option("--esc10", type=click.Path(path_type=Path), help="One folder for each class of ESC-10.")
@click.option("--gtzan", type=click.Path(path_type=Path), help="One folder for each genre of GTZAN.")
@click.option("--record", "keep", is_flag=True, help="Write the table to data/results, part by part.")
def transfer_command(esc10: Path | None, gtzan: Path | None, keep: bool) -> None:
    """Score features of the released network on real sound, against random weights and MFCCs.

    Example: python -m mtlib later transfer --esc10 ~/data/esc10 --gtzan ~/data/gtzan/genres
    """
    from . import transfer

    for task in (transfer.gtzan(gtzan), transfer.esc10(esc10)):
        for part in transfer.scores(task):
            means = part.groupby(["features", "seed", "set"]).score.mean()
            click.echo(f"{task.name} {part.features.iloc[0]} {part.seed.iloc[0]}: best {means.max():.3f}")
            if keep:
                transfer.record(part)


@later_group.command("features")
@click.option("--seed", default=0, show_default=True, help="Of the weights drawn anew.")
@click.option("--record", "keep", is_flag=True, help="Write the table to data/results, network by network.")
def features_command(seed: int, keep: bool) -> None:
    """Deconvolve and auralise features of the networks of 2020, trained and with forgotten weights.

    Example: python -m mtlib later features
    """
    from mtlib.networks import later

    from . import auralised

    clips = auralised.load()
    for name in auralised.NETWORKS:
        table = auralised.describe(*later.load(name), clips, later.SAMPLE_RATE, seed=seed).assign(network=name)
        means = table.groupby(["weights", "layer"])[list(auralised.MEASURES)].mean()
        click.echo(f"{name}\n{means.round(2).to_string()}")
        if keep:
            auralised.record(table)
