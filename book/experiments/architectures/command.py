"""Commands about networks of one size: ``architectures``, ``convergence`` and ``models``.

Heavy imports happen inside the command, so that ``--help`` answers at once.
"""

import json

import click

from mtlib.commands import options


@click.command("architectures")
@options.profile
@options.corpus
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Of a configuration.")
@click.option(
    "--draw", default=0, type=click.IntRange(0, 1), help="1: the smallest networks, on other synthetic clips."
)
@click.option("--first", default=0, type=click.IntRange(0), help="Only so many runs, by importance; 0: all.")
@options.device
@options.jobs
@options.scheduler
@click.option("--missing", is_flag=True, help="Train only what is not recorded yet.")
@click.option("--estimate", is_flag=True, help="Train nothing; print the processor time that it would take.")
@click.option("--times", is_flag=True, help="Train nothing; time a step of every network on this machine.")
@click.option("--record", "keep", is_flag=True, help="Train nothing; write what is finished to data/results.")
def architectures_command(
    profile: str, corpus: str, seeds: int, draw: int, first: int, device: str, jobs: int, scheduler: str, missing: bool,
    estimate: bool, times: bool, keep: bool,
) -> None:  # fmt: skip
    """Train chapter 4 in full: learning rates, structures, sizes, seeds; what is in the store is read.

    Example: python -m mtlib architectures --profile quick --seeds 3
    """
    from mtlib.base import profiles
    from mtlib.base.errors import InputError
    from mtlib.corpora.synthetic import opening
    from mtlib.training import sweeps
    from mtlib.training.runs import Run

    from . import results, timing, trainings

    if times:
        _time(device, keep)
        return
    given = {"profile": profile, "corpus": corpus, "seed": 0, "device": device, "scheduler": scheduler}
    settings = profiles.check(given)
    taken = trainings.chosen_rates(results.recorded(profile)[0]) if draw else {}
    if draw and len(taken) < len(trainings.ORDER):
        raise InputError(
            f"a second draw takes the learning rates of the first, and those of profile {profile} are not recorded; "
            f"first run: python -m mtlib architectures --profile {profile}, then the same with --record"
        )
    source = opening.open_source(settings, draw=draw)
    spec = trainings.base(settings, source)
    how = {"device": device, "n_jobs": jobs, "scheduler": scheduler, "report": click.echo}

    def train(named: trainings.Plan) -> None:
        recorded = set(results.known(named, device, profile, draw)["key"]) if missing else set()
        runs = sweeps.resolve([run for _, run in named[: first or None]], device, scheduler)
        left = [run for run in runs if run.key not in recorded and not Run(run.key).is_finished]
        click.echo(f"{len(left)} runs, about {timing.core_hours(left, source):.1f} core-hours")
        if not estimate:
            sweeps.sweep(left, **how)

    tried = [] if draw else trainings.rate_runs(spec)
    if tried and not keep:
        train(tried)
    rates = taken or trainings.chosen_rates(results.known(tried, device, profile))
    for name, rate in rates.items():
        click.echo(f"learning rate of {name}: {rate:g}")
    named = trainings.live(spec, rates, seeds) if draw else trainings.plan(spec, rates, seeds)
    if not keep:
        train(named)
        return
    results.record(sweeps.finished(named, device), profile, draw)
    n_recorded = len(results.known(named, device, profile, draw))
    click.echo(f"{n_recorded} of {len(named)} runs of {profile} are recorded in data/results")


@click.command("convergence")
@options.profile
@options.corpus
@click.option("--structure", "names", multiple=True, type=click.Choice(("crnn", "k2c2", "k1c2", "k2c1")),
              help="Of these; all by default.")  # fmt: skip
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(2), help="Networks of each kind.")
@options.device
@options.jobs
@options.scheduler
@click.option("--estimate", is_flag=True, help="Train nothing; print the processor time that it would take.")
@click.option("--record", "keep", is_flag=True, help="Train nothing; add what is finished to data/results.")
def convergence_command(
    profile: str, corpus: str, names: tuple[str, ...], seeds: int, device: str, jobs: int, scheduler: str,
    estimate: bool, keep: bool,
) -> None:  # fmt: skip
    """Train the smallest networks with one recipe, twice as long until that changes nothing.

    Example: python -m mtlib convergence --profile cpu --estimate
    """
    from mtlib.base import profiles
    from mtlib.base.errors import InputError
    from mtlib.corpora.synthetic import opening
    from mtlib.training import sweeps
    from mtlib.training.runs import Run

    from . import convergence, timing, trainings

    given = {"profile": profile, "corpus": corpus, "seed": 0, "device": device, "scheduler": scheduler}
    settings = profiles.check(given)
    source = opening.open_source(settings)
    spec = trainings.base(settings, source)
    how = {"device": device, "n_jobs": jobs, "scheduler": scheduler, "report": click.echo}
    names = names or trainings.ORDER
    tried = convergence.rate_runs(spec, names)
    if not keep:
        least = convergence.plan(spec, dict.fromkeys(names, convergence.RATES[1]), seeds, convergence.EPOCHS[:2])
        hours = timing.core_hours([run for _, run in tried + least], source)
        click.echo(f"at least {len(tried) + len(least)} runs, about {hours:.1f} core-hours; each doubling doubles them")
        if estimate:
            return
        for name in names:  # one after another, so that what is finished is whole
            grid = convergence.rate_runs(spec, [name])
            rates = convergence.chosen(sweeps.sweep([run for _, run in grid], **how))
            click.echo(f"learning rate of {name}: {rates[name]:g}")
            done: list[Run] = []
            for epochs in convergence.EPOCHS:
                planned = convergence.plan(spec, rates, seeds, [epochs])
                done += sweeps.sweep([run for _, run in planned], **how)
                if convergence.summary(convergence.table(done))["enough"].any():
                    break
    done = convergence.whole(sweeps.finished(tried, device), tried)
    planned = convergence.plan(spec, convergence.chosen(done), seeds)
    done += convergence.whole(sweeps.finished(planned, device), planned)
    if not done:
        raise InputError("none of these trainings is finished as a whole; train some first")
    click.echo(convergence.summary(convergence.table(done)).round(4).to_string(index=False))
    if keep:
        convergence.record(done, spec, profile, source)
        click.echo(f"{len(done)} runs of {profile} are recorded in data/results")


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, every count and layer.")
def models_command(as_json: bool) -> None:
    """List the thesis' networks: parameters, multiply-adds, memory traffic, receptive field.

    Example: python -m mtlib models --json
    """
    from . import complexity

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


def _time(device: str, keep: bool) -> None:
    import pandas as pd

    from mtlib.networks import devices

    from . import timing, trainings

    where, found = devices.resolve_device(device), []
    for frame in timing.measure(trainings.BUDGETS, device=where):
        found.append(frame)
        name, budget = frame[["structure", "budget"]].iloc[0]
        click.echo(f"{name} {budget:g}M: {frame.ms.median():.1f} ms a clip and training step")
    if keep:
        timing.record(pd.concat(found), where)
