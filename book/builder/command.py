"""Commands about builds: ``compare`` and ``snapshot``; `mtlib.__main__` adds them.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mtlib.base import paths
from mtlib.base.errors import InputError


def _read(name: str) -> dict[str, Any]:
    from . import compare

    if name == "published" and not Path(name).exists():
        if not compare.PUBLISHED.is_file():
            raise InputError("the numbers of the published book are not here; name a build folder instead")
        return compare.summarise(compare.PUBLISHED)
    return compare.summarise(Path(name))


@click.command("compare")
@click.argument("build_a")
@click.argument("build_b", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: everything that differs.")
def compare_command(build_a: str, build_b: str | None, as_json: bool) -> None:
    """Show how two builds of the book differ: parameters, numbers, intervals.

    A build is a folder (such as _build), a file that `snapshot` wrote, or "published" for the published
    book. BUILD_B is this folder's own build by default.

    Example: python -m mtlib compare published _build
    """
    from . import compare

    found = compare.compare(_read(build_a), _read(build_b or str(paths.build())))
    if as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
        return
    click.echo(f"first: {build_a}, second: {build_b or os.path.relpath(paths.build())}")
    for row in found.settings:
        click.echo(f"parameter  {row['page']}: {row['name']}: {row['first']} → {row['second']}")
    for row in found.numbers:
        click.echo(
            f"number     {row['page']}: {row['name']}: {row['first']} → {row['second']}  {row['change']}"
        )
    for row in found.evidence:
        verdicts = dict.fromkeys((row["verdict first"], row["verdict second"]))
        change = f"{row['first']} → {row['second']}; overlap {row['overlap']}; " + " → ".join(verdicts)
        click.echo(f"evidence   {row['page']}: {row['claim']}: {change}")
    for row in found.missing:
        click.echo(f"only in the {row['only in']}  {row['what']}")
    click.echo(
        f"{len(found.numbers)} of {found.n_numbers} numbers and {len(found.evidence)} of {found.n_evidence} "
        f"pieces of evidence moved; pairs of intervals that do not overlap: {found.n_apart}"
    )


@click.command("snapshot")
@click.argument("build", required=False, type=click.Path(path_type=Path))
@click.option(
    "--to", "target", type=click.Path(path_type=Path), help="data/results/published_build.json by default."
)
def snapshot_command(build: Path | None, target: Path | None) -> None:
    """Write the parameters, numbers and evidence of a build into one file that `compare` reads.

    Example: python -m mtlib snapshot _build --to before.json
    """
    from . import compare

    path = compare.save(build or paths.build(), target or compare.PUBLISHED)
    click.echo(f"kept {os.path.relpath(path)}")


COMMANDS = (compare_command, snapshot_command)
