"""The command ``export``: a network as a file that the page "Tag your own music" opens."""

from pathlib import Path

import click

from mtlib.base.errors import InputError


@click.command("export")
@click.argument("network")
@click.option("--to", default="web", show_default=True, type=click.Choice(["web"]), help="For which program.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A .json file [default: NETWORK.json].")
def export_command(network: str, to: str, output: Path | None) -> None:
    """Write a trained run, by its key, or a published network for the page "Tag your own music".

    Only networks of the structures compact and k2c2 on a mel-spectrogram in decibels can be exported.
    Example: python -m mtlib export fcn-jamendo -o fcn-jamendo.json
    """
    from . import export

    path = output or Path(f"{network}.json")
    if path.suffix != ".json" or not path.parent.is_dir():
        raise InputError(f"{path}: name a .json file in a folder that exists")
    n_bytes = export.write_own(network, path)
    click.echo(f"{path}: {n_bytes:,} bytes; choose it as a network file on the page")
