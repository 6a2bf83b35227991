"""The command that computes chapter 7's recorded results of networks trained here.

Heavy imports happen inside the command, so that ``--help`` answers at once.
"""

import click

from mtlib.commands import options

PARTS = ("genre", "labels", "stems", "probes")


@click.command("understanding")
@options.profile
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Of the results; all by default.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(3), help="Networks of each kind.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes that train.")
@options.device
@options.scheduler
@click.option("--record", "keep", is_flag=True, help="Merge the tables into data/results.")
def understanding_command(
    profile: str, parts: tuple[str, ...], seeds: int, jobs: int, device: str, scheduler: str, keep: bool
) -> None:
    """Train the genre network and taggers on composed music, and look into them.

    Example: python -m mtlib understanding --part genre --seeds 3
    """
    import pandas as pd

    from mtlib.base import profiles
    from mtlib.corpora.synthetic import opening
    from mtlib.evidence import recorded
    from mtlib.training import sweeps, taggers

    from . import composed, genre_network, label_vectors

    sizes = profiles.named(profile)
    how = {"n_jobs": jobs, "device": device, "scheduler": scheduler, "report": click.echo}

    def done(name: str, tables: list[pd.DataFrame], *index: str) -> None:
        table = pd.concat(tables).assign(profile=profile)
        click.echo(f"{name}: {len(table)} rows" + ("" if keep else "; add --record to keep them"))
        if keep:
            command = f"python -m mtlib understanding --profile {profile} --record"
            recorded.write(name, table, ("profile", *index), command=command)

    if "genre" in (parts or PARTS):
        corpus = opening.open_target("ballad", sizes, scheduler=scheduler)
        runs = sweeps.sweep(
            [
                genre_network.spec(corpus, sizes, seed, n_maps)
                for n_maps in (genre_network.FEW_MAPS, genre_network.THESIS_MAPS)
                for seed in range(seeds)
            ],
            **how,
        )
        done(
            genre_network.NETWORKS, [genre_network.summary(run, corpus) for run in runs], "n_maps", "seed"
        )  # fmt: skip
        measured = [genre_network.layers(run, corpus) for run in runs]
        done(genre_network.LAYERS, measured, "n_maps", "seed", "weights", "layer", "clip")
    if not {*(parts or PARTS)} - {"genre"}:
        return
    source = opening.open_source(sizes, scheduler=scheduler)
    trained = {
        kind: sweeps.sweep([taggers.source_spec(source, sizes, kind, seed) for seed in range(seeds)], **how)
        for kind in ("trained", "true labels")
    }
    if "labels" in (parts or PARTS):
        tables = [label_vectors.vector_agreement(runs, source) for runs in trained.values()]
        done(label_vectors.NAME, tables, "labels", "seed", "against")
    if "stems" in (parts or PARTS):
        table = composed.stem_features(trained["trained"], source)
        done(composed.STEM_FEATURES, [table], "seed", "layer", "stem", "clip")
    if "probes" in (parts or PARTS):
        tables = []
        for seed in range(seeds):
            found = taggers.extractors(source, sizes, ("trained", "random"), seed, **how)
            tables.append(composed.layer_probes(found, source, seed))
        done(composed.PROBES, tables, "seed", "weights", "layer", "probe", "fold")
