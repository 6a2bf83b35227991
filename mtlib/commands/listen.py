"""Commands about a reader's own music: ``tag`` and ``features``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json
import sys
from pathlib import Path

import click

from ..base.errors import InputError


@click.command("tag")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--model",
    default="fcn-msd",
    show_default=True,
    help="The author's: compact, crnn_trained, cnn, crnn; later ones: fcn, crnn or musicnn, -msd, -mtat or "
    "-jamendo, such as fcn-msd.",
)
@click.option("--top", default=5, show_default=True, type=click.IntRange(1, 50), help="Tags shown a file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, all fifty tags.")
def tag_command(files: tuple[Path, ...], model: str, top: int, as_json: bool) -> None:
    """Tag audio files, or all audio files of folders, with a published network.

    Example: python -m mtlib tag song.mp3 --model fcn-msd --top 10
    """
    from ..networks import tagging
    from ..signal import audio

    tagger = tagging.load_model(model)
    if model == "crnn":
        click.echo(
            "crnn reads its stored deviations as variances, as the author's README does: use crnn_trained",
            err=True,
        )
    found, failures, notes = tagging.find_audio(files)
    n_files = len(found) + len(failures)
    for line in (*notes, *(f"Error: {line}" for line in failures)):
        click.echo(line, err=True)
    n_failed = len(failures)
    for path in found:
        try:
            result = tagging.tag_file(path, tagger)
        except InputError as error:
            n_failed += 1
            click.echo(f"Error: {error}", err=True)
            continue
        if as_json:
            click.echo(json.dumps(result.as_json()))
        else:
            click.echo(f"{audio.display_name(path)}  ({result.seconds:.1f} s, windows: {result.n_windows})")
            for name, probability in result.top(top):
                click.echo(f"  {probability:.3f}  {name}")
    if n_failed:
        raise InputError(f"{n_failed} of {n_files} files could not be tagged")


@click.command("features")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="An .npz file.")
@click.option(
    "--network",
    default="compact",
    show_default=True,
    help="compact, random, mfcc, or the key of a run (`runs list`).",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of random weights.")
def features_command(files: tuple[Path, ...], output: Path, network: str, seed: int) -> None:
    """Describe audio files, or all audio files of folders, by 160 values each, for a classifier of your own.

    OUTPUT holds files, features (a row a file) and layers (the layer of each value).
    Example: python -m mtlib features FOLDER -o features.npz
    """
    import numpy as np
    from tqdm import tqdm

    from ..networks import tagging
    from ..signal import audio
    from ..training import features

    if output.suffix != ".npz" or not output.parent.is_dir():
        raise InputError(f"{output}: name an .npz file in a folder that exists")
    if network == "compact1":
        raise InputError("compact1 normalises with the batch: a file has no features of its own; use compact")
    extractor = features.find(network, seed)
    found, failures, notes = tagging.find_audio(files)
    rows, names = [], []
    for path in tqdm(found, unit="file", disable=not sys.stderr.isatty()):
        try:
            rows.append(features.of_file(path, extractor))
            names.append(audio.display_name(path))
        except InputError as error:
            failures.append(str(error))
    for line in (*notes, *(f"Error: {line}" for line in failures)):
        click.echo(line, err=True)
    if not rows:
        raise InputError(f"no features: none of {len(failures)} files could be used; {output} is not written")
    features.save(output, names, np.stack(rows), extractor)
    click.echo(f"{output}: {len(rows)} files, {len(rows[0])} values each")
    if failures:
        raise InputError(f"{len(failures)} files are left out, see above")
