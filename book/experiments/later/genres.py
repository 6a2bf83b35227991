"""Do published taggers know a genre when they hear it? Areas of genre tags on excerpts of real songs.

The author's networks and the later ones of Won and others tag excerpts of GTZAN, whose genres are known;
the area under the ROC curve of a genre's tag says how well it tells its genre from the nine others.

Conventions
    A genre counts for a network if a tag of its dataset has the genre's name. ``compact1`` normalises with
    the batch, so it gets the clips in three batches that hold every genre alike. Intervals resample clips;
    a difference between two networks is over the same clips and the genres that both have a tag for.
    Artists of GTZAN may be in a network's training data, and an excerpt of 15 to 20 s is repeated to 29 s.
"""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.evidence import evaluation, recorded
from mtlib.networks import later, released, tagging
from mtlib.signal import audio

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
NETWORKS = (*released.RELEASES, *later.NAMES)
RECORDED, PAIRS = "later_genres", "later_genre_pairs"
"""Names of the recorded tables: one row a network and genre, and one a pair of networks."""

N_BATCHES = 3
"""Of ``compact1``: each holds every third clip."""


def find_clips(folder: Path | None = None) -> list[Path]:
    """Return the audio files of a folder that holds one folder for each genre, sorted.

    Parameters
    ----------
    folder : Path, optional
        ``gtzan_99_excerpts`` of `mtlib.base.paths.real` by default.

    Raises
    ------
    InputError
        If there are no clips of a genre.
    """
    folder = folder or paths.real() / "gtzan_99_excerpts"
    found = []
    for genre in GENRES:
        inside = sorted(path for path in (folder / genre).glob("*") if path.suffix.lower() in paths.EXTENSIONS)
        if not inside:
            raise InputError(f"no audio in {folder / genre}: name a folder with one folder for each genre")
        found += [path for path in inside if not path.name.startswith(".")]
    return found


def genre_tags(network: str) -> dict[str, int]:
    """Return the output that bears the name of each genre, where a network has one."""
    tags = later.TAGS[network.split("-")[1]] if network in later.NAMES else TAGS
    plain = [tag.lower().replace("-", "").replace(" ", "") for tag in tags]
    return {genre: plain.index(genre) for genre in GENRES if genre in plain}


def probabilities(network: str, clips: list[Path], report: Callable[[int, int], None] | None = None) -> np.ndarray:
    """Return what a network says about each clip, (clip, 50).

    Parameters
    ----------
    network : str
        One of `NETWORKS`.
    clips : list of Path
    report : callable, optional
        Called with (clips done, clips in all).
    """
    if network == "compact1":
        return _in_batches(clips)
    tagger = tagging.load_model(network)
    rows = []
    for clip in clips:
        rows.append(tagging.tag_samples(audio.load(clip, sample_rate=tagger.sample_rate), tagger).mean(0))
        if report:
            report(len(rows), len(clips))
    return np.stack(rows)


@torch.inference_mode()
def _in_batches(clips: list[Path]) -> np.ndarray:
    frontend, network = released.load("compact1")
    n_samples = released.RELEASES["compact1"].n_samples
    probs = np.empty((len(clips), len(TAGS)), np.float32)
    for start in range(N_BATCHES):
        part = [audio.fit_length(audio.load(clip), n_samples, short="repeat") for clip in clips[start::N_BATCHES]]
        images = torch.cat([frontend(torch.from_numpy(samples.copy())) for samples in part])
        probs[start::N_BATCHES] = torch.sigmoid(network(images)).numpy()
    return probs


def areas(
    genres: np.ndarray, scores: dict[str, np.ndarray], rng: np.random.Generator, *, n_resamples: int = 2000
) -> pd.DataFrame:
    """Return the area of each genre's tag for each network, with its 95 % interval over the clips.

    Parameters
    ----------
    genres : ndarray of str (clip,)
    scores : dict of str to ndarray (clip, 50)
        By network, from `probabilities`.
    rng : numpy Generator
    n_resamples : int

    Returns
    -------
    DataFrame
        network, genre (``mean`` over the genres that the network has a tag for), auc, low, high,
        n_positive, n_clips.
    """
    counts, rows = evaluation.resample(len(genres), n_resamples, rng), []
    for network, probs in scores.items():
        tags = genre_tags(network)
        truth, shown = genres[:, None] == np.array(list(tags)), probs[:, list(tags.values())]
        values = evaluation.tag_areas(truth, shown)
        drawn = evaluation.tag_areas(truth, shown, counts=counts)  # (replicate, genre)
        for k, genre in enumerate(tags):
            low, high = np.nanquantile(drawn[:, k], (0.025, 0.975))
            rows.append((network, genre, values[k], low, high, truth[:, k].sum(), len(genres)))
        low, high = np.nanquantile(drawn.mean(1), (0.025, 0.975))
        rows.append((network, "mean", values.mean(), low, high, truth.sum(), len(genres)))
    return pd.DataFrame(rows, columns=["network", "genre", "auc", "low", "high", "n_positive", "n_clips"])


def differences(
    genres: np.ndarray, scores: dict[str, np.ndarray], rng: np.random.Generator, *, n_resamples: int = 2000
) -> pd.DataFrame:
    """Return by how much each network's mean area exceeds another's, over the genres both have a tag for.

    Returns
    -------
    DataFrame
        first, second, difference (of mean areas), low, high, genres, n_clips.
    """
    counts, rows = evaluation.resample(len(genres), n_resamples, rng), []
    for first, second in combinations(scores, 2):
        shared = [genre for genre in genre_tags(first) if genre in genre_tags(second)]
        truth = genres[:, None] == np.array(shared)
        value, drawn = 0.0, 0.0
        for sign, network in ((1, first), (-1, second)):
            shown = scores[network][:, [genre_tags(network)[genre] for genre in shared]]
            value += sign * evaluation.tag_areas(truth, shown).mean()
            drawn = drawn + sign * evaluation.tag_areas(truth, shown, counts=counts).mean(1)
        low, high = np.nanquantile(drawn, (0.025, 0.975))
        rows.append((first, second, value, low, high, " ".join(shared), len(genres)))
    return pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "genres", "n_clips"])


def record(table: pd.DataFrame, pairs: pd.DataFrame, clips: list[Path]) -> Path:
    """Keep both tables in ``data/results``, with where they come from; return the first's path."""
    recorded.replace(
        {RECORDED: table, PAIRS: pairs},
        RECORDED,
        command="python -m mtlib later genres --record",
        clips=f"{len(clips)} excerpts of GTZAN",
        caveats="Artists may be in the training data; excerpts of 15 to 20 s are repeated to 29 s.",
    )
    return paths.DATA / "results" / f"{RECORDED}.csv"
