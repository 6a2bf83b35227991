"""Commands about a reader's own music: ``tag`` and ``features``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.errors import InputError
from ..base.files import atomic, check_target, reserve
from . import options

if TYPE_CHECKING:
    from ..networks.tagging import Tagger


@click.command("tag")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--model",
    default="fcn-msd",
    show_default=True,
    help="The author's: compact, crnn_trained, cnn, crnn; later ones: fcn, crnn or musicnn, -msd, -mtat or "
    "-jamendo, such as fcn-msd; or the key of a run of your own (`runs list`).",
)
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="Tags shown per file.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Show every tag from this probability on instead.")
@click.option("--every", type=click.FloatRange(0, min_open=True), help="Tags over time: a window every so many s.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, all tags.")
@click.option("--csv", "as_csv", is_flag=True, help="A table: one row per file (and window), one column per tag.")
@options.device
def tag_command(
    files: tuple[Path, ...],
    model: str,
    top: int,
    threshold: float | None,
    every: float | None,
    as_json: bool,
    as_csv: bool,
    device: str,
) -> None:
    """Tag audio files, or all audio files of folders, with a published network or one of your own.

    Example: python -m mtlib tag song.mp3 --model fcn-msd --top 10
    """
    from ..networks import devices, tagging
    from ..signal import audio

    tagger = _tagger(model)
    devices.move(tagger, devices.resolve_device(device))
    if model == "crnn":
        click.echo("crnn reads stored deviations as variances, as its README does: use crnn_trained", err=True)
    hop = tagging.HOP_SECONDS if every is None else every
    found, n_failed = _find(files)
    n_files = len(found) + n_failed
    table = csv.writer(sys.stdout, lineterminator="\n") if as_csv else None
    if table:
        table.writerow(["file", *(["start"] if every else []), *tagger.tags])
    for path in found:
        try:
            result = tagging.tag_file(path, tagger, hop)
        except InputError as error:
            n_failed += 1
            click.echo(f"Error: {error}", err=True)
            continue
        name = audio.display_name(path)
        for note in result.notes:
            click.echo(f"Note: {name}: {note}", err=True)
        whole: list[tuple[float | None, Any]] = [(None, result.probs)]
        windows = [(k * hop, probs) for k, probs in enumerate(result.windows)] if every else whole
        if table:
            for start, probs in windows:
                values = [f"{prob:.4f}" for prob in probs]
                table.writerow([name, *([f"{start:g}"] if every else []), *values])
        elif as_json:
            over_time = [
                {"start": start, "tags": dict(zip(result.tags, probs.round(6).tolist(), strict=True))}
                for start, probs in windows
            ]
            click.echo(json.dumps(result.as_json() | ({"windows": over_time} if every else {})))
        else:
            click.echo(f"{name}  ({result.seconds:.1f} s, windows: {result.n_windows})")
            for start, probs in windows:
                ranked = sorted(zip(result.tags, probs, strict=True), key=lambda pair: -pair[1])
                shown = [pair for pair in ranked if pair[1] >= threshold] if threshold is not None else ranked[:top]
                if start is None:
                    for tag, probability in shown:
                        click.echo(f"  {probability:.3f}  {tag}")
                else:
                    click.echo(f"  {start:6.1f} s  " + ", ".join(f"{tag} {p:.2f}" for tag, p in shown))
    if n_failed:
        raise InputError(f"{n_failed} of {n_files} files could not be tagged")


def _find(files: Iterable[Path]) -> tuple[list[Path], int]:
    """Return the audio files meant by files and folders, and how many names mean none; tell what is odd."""
    from ..networks import tagging

    found, failures, notes = tagging.find_audio(files)
    for line in (*notes, *(f"Error: {line}" for line in failures)):
        click.echo(line, err=True)
    return found, len(failures)


def _tagger(model: str) -> "Tagger":
    """Return a published network, or a run's."""
    from ..networks import later, released, tagging

    if model in (*released.RELEASES, *later.NAMES):
        return tagging.load_model(model)
    from ..training import features, runs

    if (run := runs.find(model)) is None:
        raise InputError(
            f"unknown model {model!r}: choose of {', '.join((*released.RELEASES, *later.NAMES))}, "
            "or the key of a run (python -m mtlib runs list)"
        )
    return features.from_run(run)


@click.command("features")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="An .npz file.")
@click.option(
    "--network", default="compact", show_default=True, help="compact, random, mfcc, or the key of a run (`runs list`)."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of random weights.")
@click.option("--windows", default="first", show_default=True, type=click.Choice(["first", "all"]),
              help="Of a file longer than the network's input: its beginning, or a row per window.")  # fmt: skip
@options.device
def features_command(
    files: tuple[Path, ...], output: Path, network: str, seed: int, windows: str, device: str
) -> None:  # fmt: skip
    """Describe audio files, or all audio files of folders, by 160 values each, for a classifier of your own.

    OUTPUT holds files, starts (seconds), features (a row per file or window) and layers (of each value).
    Example: python -m mtlib features FOLDER -o features.npz
    """
    from tqdm import tqdm

    from ..networks import devices
    from ..signal import audio
    from ..training import features

    if output.suffix != ".npz" or not output.parent.is_dir():
        raise InputError(f"{output}: name an .npz file in a folder that exists")
    check_target(output, b"files.npy")
    if network == "compact1":
        raise InputError("compact1 normalises with the batch: a file has no features of its own; use compact")
    if extractor := features.find(network, seed):
        devices.move(extractor, devices.resolve_device(device))
    found, n_failed = _find(files)
    n_samples, rate = features.window(extractor)
    rows, n_longer, length = [], 0, n_samples / rate
    longest = max((len(audio.display_name(path)) for path in found), default=0)
    with atomic(output) as file:
        reserve(file, 4 * len(found) * (longest + 1000) + 10_000)  # more than enough
        for path in tqdm(found, unit="file", disable=not sys.stderr.isatty()):
            try:
                values, seconds = features.of_windows(path, extractor, 1 if windows == "first" else None)
                rows += [(audio.display_name(path), k * length, row) for k, row in enumerate(values)]
                n_longer += seconds > length
            except InputError as error:
                n_failed += 1
                tqdm.write(f"Error: {error}", file=sys.stderr)
        if not rows:
            raise InputError(f"no features: none of {n_failed} files could be used; {output} is not written")
        features.save(file, rows, extractor)
    click.echo(f"{output}: {len({name for name, *_ in rows})} files, {len(rows)} rows of {len(rows[0][2])} values")
    if n_longer and windows == "first":
        click.echo(f"longer files: {n_longer}; their first {length:.4g} s are described, all with --windows all")
    if n_failed:
        raise InputError(f"{n_failed} files are left out, see above")
