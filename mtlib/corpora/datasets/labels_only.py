"""Datasets without their audio: labels and splits as a corpus, from small published files.

What chapter 3 says about labels can be asked of three sets: the author's files of the Million Song Dataset,
MagnaTagATune and MTG-Jamendo. Their files are fetched (``python -m mtlib fetch later``), or read from the
folder of a reader who has the dataset.
"""

import os
from pathlib import Path

from ...base import paths, published
from ...base.errors import InputError
from ...signal import audio
from .. import corpus, writing
from . import Scan, find, magnatagatune, msd_labels, msd_lastfm, mtg_jamendo
from .scanning import check_name


def scan(name: str, root: Path | None = None) -> Scan:
    """Read a dataset's labels.

    Parameters
    ----------
    name : str
        ``magnatagatune``, ``msd_lastfm`` or ``mtg_jamendo``.
    root : Path, optional
        Where the dataset was unpacked; the published files by default.

    Raises
    ------
    InputError
        If the dataset is another one, or a file cannot be had or used.
    """
    if name == "magnatagatune":
        if root is None:
            root = paths.home() / "datasets" / name
            magnatagatune.write_tables(published.fetch("jukemir/metadata/magnatagatune.json.gz"), root)
        return magnatagatune.read_annotations(root / "annotations_final.csv", root, [], [])
    if name == "mtg_jamendo":
        for artifact in published.ARTIFACTS if root is None else ():
            if artifact.startswith(f"{mtg_jamendo.REPOSITORY}/data/"):
                published.fetch(artifact)
        return mtg_jamendo.scan(root or paths.published(), audio_too=False)
    if name == "msd_lastfm":
        for artifact in msd_labels.ARTIFACTS if root is None else ():
            published.fetch(artifact)
        return msd_lastfm.scan(root or paths.published(), audio_too=False)
    find(name)
    raise InputError(f"{name} cannot be prepared without audio; choose magnatagatune, msd_lastfm or mtg_jamendo")


def prepare(name: str, root: Path | None = None, corpus_name: str = "") -> corpus.Corpus:
    """Register a dataset's labels and splits as a corpus without audio.

    Parameters
    ----------
    name, root
        As for `scan`.
    corpus_name : str
        The dataset's with ``-labels`` by default, so that a corpus with audio keeps its own.

    Raises
    ------
    InputError
        As `scan` does, or if a corpus of that name holds audio or another dataset.
    """
    check_name(corpus_name)
    root = Path(os.path.expanduser(root)) if root else None
    found, dataset, corpus_name = scan(name, root), find(name), corpus_name or f"{name}-labels"
    try:
        there = corpus.Corpus.open(corpus_name)
    except InputError:  # none, or a damaged one
        there = None
    if there and not (there.labels_only and there.info.get("dataset") == name):
        raise InputError(f"corpus {corpus_name} holds audio, or another dataset; choose another --name")
    return corpus.write(
        corpus_name,
        found.clips[list(writing.COLUMNS)],
        None,
        audio_recipe={"audio": "none"},
        sample_rate=audio.SAMPLE_RATE,
        n_samples=dataset.n_samples,
        task=dataset.task,
        tags=found.tags,
        label_sets={"observed": (found.labels, {})},
        info={"dataset": name, "title": dataset.title, "licence": dataset.licence,
              "citation": dataset.citation, **found.info},
    )  # fmt: skip


def open_corpus(name: str) -> corpus.Corpus:
    """Open a dataset's labels, prepared when they are first asked for."""
    try:
        return corpus.Corpus.open(f"{name}-labels")
    except InputError:
        return prepare(name)
