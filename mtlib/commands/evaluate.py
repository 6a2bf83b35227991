"""Commands about one trained network: ``evaluate`` and ``export``.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import importlib
import json
from pathlib import Path

import click

from ..base.errors import InputError
from ..base.files import atomic, check_target

WEB = "book.experiments.tagger.export"
"""Where the page's format is written; as text, because mtlib does without the book."""


@click.command("evaluate")
@click.argument("run")
@click.option("--precision", type=float, help="Choose thresholds of this precision, not of the best F1.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write a page with charts and players.")
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write the numbers by tag.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: summary, tags, worst errors.")
def evaluate_command(run: str, precision: float | None, page: Path | None, table: Path | None, as_json: bool) -> None:
    """Judge a trained network on its test clips: by tag, with intervals, thresholds and the surest errors.

    RUN is the beginning of a run's key (`runs list`).
    Example: python -m mtlib evaluate 3f2a --html report.html
    """
    from ..corpora.corpus import Corpus
    from ..page import report
    from ..training import runs

    for path in filter(None, (page, table)):
        check_target(path)
    trained = runs.named(run)
    found = report.Evaluation(trained, Corpus.open(trained.spec.corpus), precision)
    by_tag, worst = found.by_tag(), found.worst().drop(columns="clip")
    if table:
        with atomic(table) as file:
            file.write(by_tag.to_csv(index=False, lineterminator="\n").encode())
    if page:
        with atomic(page) as file:
            file.write(report.page(found).encode())
    if as_json:
        parts = {"tags": by_tag, "worst": worst}
        rows = {name: json.loads(frame.to_json(orient="records")) for name, frame in parts.items()}
        click.echo(json.dumps({**found.summary(), **rows}))
        return
    click.echo(by_tag.round(3).to_string(index=False))
    for name, value in found.summary().items():
        click.echo(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
    for path in filter(None, (page, table)):
        click.echo(f"written: {path}")


@click.command("export")
@click.argument("run")
@click.option("--to", "kind", required=True, type=click.Choice(["onnx", "safetensors", "web"]))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="By default the run's key in this folder.")
def export_command(run: str, kind: str, output: Path | None) -> None:
    """Write a trained network as one file for other programs.

    ONNX holds the front end, too: input ``samples`` (batch, time) float32, mono in [−1, 1] at the corpus'
    sample rate, as long as the network's clips; output ``outputs`` (batch, tag), probabilities or numbers.
    Tags, sample rate and length are in the file's metadata. ``web`` is for the page "Tag your own music"; it
    takes a published network, too, and the structures compact and k2c2 on a mel-spectrogram in decibels.
    Example: python -m mtlib export 3f2a --to onnx
    """
    from ..training import runs, taggers

    if kind == "web":
        try:
            page = importlib.import_module(WEB)
        except ModuleNotFoundError:
            raise InputError("the page's format belongs to the book: clone its repository, export there") from None
        path = output or Path(f"{run}.json")
        check_target(path)
        click.echo(f"written: {path}, {page.write_own(run, path):,} bytes; choose it as a network file on the page")
        return
    trained = runs.named(run)
    path = output or Path(f"{trained.key[:12]}.{kind}")
    check_target(path)
    taggers.WRITERS[kind](trained, path)
    click.echo(f"written: {path}")
