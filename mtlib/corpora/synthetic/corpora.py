"""Which clips belong together, and how a corpus is made of them: drawn, composed, rendered, labelled, stored.

Conventions
    A clip's number decides everything about it. The splits of the source have number ranges of their own, so
    the training clips of a small profile are the first of a larger one's, and test clips never move.
    Manifest columns carry the latents; label sets are ``observed`` (the first), ``true`` and ``salience``.
    `mtlib.corpora.synthetic.opening` makes them when they are asked for.
"""

import importlib.metadata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...base import paths
from ...base.errors import InputError
from ...base.files import digest
from ...base.profiles import Profile
from ...base.tags import CATEGORY, TAGS
from .. import corpus
from ..shards import Read, to_int16
from .composing import composer
from .population import labels, latents, tagrules
from .rendering import render
from .targets import TARGETS

SAMPLE_RATE = 12_000
"""Hertz, as everywhere in the thesis but in [Choi2018, §7]."""

FIRST = {"train": 0, "valid": 1_000_000, "test": 2_000_000}
"""Number of the first clip of each split."""

SEEDS = (labels.SEED, 2117)
"""Of the draws of the source corpus; no target task has one of them."""

SHARD_CLIPS = 50
"""Clips a shard: the piece of work that a process takes and that an interruption loses."""

VERSION = "cd34d702dac7"
"""Of the code that draws, composes and renders; change it by hand when it makes other sound."""

LABELS_VERSION = "dbc96292ca319f8df2ac00f7259fe30a941a91ccf920931413592b49d83c1070"
"""Of the code that labels; change it by hand when it gives other labels."""

_PACKAGES = ("numpy", "symusic", "pretty_midi", "soxr", "scipy")


@dataclass(frozen=True)
class Play:
    """Composes and renders the rows of a shard; picklable, so that other processes and machines can.

    Attributes
    ----------
    draw : callable
        Numbers of clips → latents.
    seed : int
    seconds : float
    sample_rate : int
    compose : callable
        As `mtlib.corpora.synthetic.composing.composer.compose`.
    """

    draw: Callable[[np.ndarray], pd.DataFrame]
    seed: int
    seconds: float
    sample_rate: int = SAMPLE_RATE
    compose: Callable = composer.compose

    def __call__(self, rows: pd.DataFrame) -> Iterator[Read]:
        """Yield the samples of each row."""
        scores = self.compose(self.draw(rows["number"].to_numpy()), self.seed, self.seconds)
        for samples in render.render(scores, self.sample_rate):
            yield Read(to_int16(samples))


@dataclass(frozen=True)
class Source:
    """Draws clips of the source corpus."""

    seed: int = labels.SEED

    def __call__(self, clips: np.ndarray) -> pd.DataFrame:
        """Return the latents of clips."""
        return latents.draw(self.seed, clips)


def recipe() -> dict[str, Any]:
    """Return what decides the sound beside the clips' numbers: tables, code and versions."""
    tables = [path.read_text("utf-8") for path in sorted((paths.DATA / "synthetic").glob("*.*"))]
    return {
        "tables": digest(tables),
        "code": VERSION,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def write_source(
    profile: Profile,
    *,
    draw: int = 0,
    n_jobs: int = -1,
    scheduler: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> corpus.Corpus:
    """Make the source corpus of a profile, or finish it, or find it as it is.

    Parameters
    ----------
    profile : Profile
    draw : int
        0 is the corpus of the book. Another number gives clips and labels by the same recipe with other
        random numbers: what two draws say differently, a single one hides.
    n_jobs, scheduler, progress
        As in `mtlib.corpora.writing.write`.
    """
    sizes = {"train": profile.n_train, "valid": profile.n_valid, "test": profile.n_test}
    numbers = np.concatenate([FIRST[split] + np.arange(n) for split, n in sizes.items()])
    splits = np.repeat(list(sizes), list(sizes.values()))
    if not 0 <= draw < len(SEEDS):
        raise InputError(f"draw must lie within 0 … {len(SEEDS) - 1}, got {draw}")
    seed, made = SEEDS[draw], recipe()
    name = f"synthetic-{profile.name}" + (f"-draw-{draw}" if draw else "")
    whole = {"recipe": digest([made, LABELS_VERSION, sizes, profile.clip_seconds])}
    if (found := _finished(name, whole)) is not None:
        return found
    drawn = latents.draw(seed, numbers)
    salience = tagrules.salience(drawn)
    tau, phi = labels.default_tagability(), labels.default_false_positive()
    meta = {
        "tagability": dict(zip(TAGS, tau.tolist(), strict=True)),
        "false_positive": dict(zip(TAGS, phi.tolist(), strict=True)),
        "slope": labels.SLOPE, "seed": seed,
    }  # fmt: skip
    table = pd.DataFrame({
        "clip_id": [f"{s}-{n - FIRST[s]:05d}" for s, n in zip(splits, numbers, strict=True)],
        "split": splits, "fold": -1, "number": numbers,
    })  # fmt: skip
    table["group"] = table["clip_id"]
    table = pd.concat([table, plain(drawn)], axis=1)
    return write(
        name, table, Play(Source(seed), seed, profile.clip_seconds), made,
        task="multilabel",
        tags=pd.DataFrame({"name": TAGS, "category": [CATEGORY[tag] for tag in TAGS]}),
        label_sets={
            "observed": (labels.observe(salience, numbers, seed=seed), meta),
            "true": (salience > 0, {}),
            "salience": (salience.astype(np.float32), {"meaning": "a tag is true where it is above 0"}),
        },
        info={"title": "Synthetic music", "licence": "made here; MIT", **whole},
        n_jobs=n_jobs, scheduler=scheduler, progress=progress,
    )  # fmt: skip


def write_target(
    name: str,
    profile: Profile,
    *,
    n_jobs: int = -1,
    scheduler: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> corpus.Corpus:
    """Make the corpus of a target task, or finish it, or find it as it is.

    Raises
    ------
    InputError
        If there is no such task.
    """
    if name not in TARGETS:
        raise InputError(f"unknown target task {name!r}; choose one of {', '.join(TARGETS)}")
    target, made = TARGETS[name], recipe()
    numbers = np.arange(profile.n_target * target.n_times)
    whole = {"recipe": digest([made, len(numbers)])}
    stored = f"synthetic-{name}-{profile.name}"
    if (found := _finished(stored, whole)) is not None:
        return found
    drawn, fold = target(numbers), target.fold_of(numbers)
    clip_id = [f"{name}-{number:05d}" for number in numbers]
    split = np.array(["train"] * 6 + ["valid"] * 2 + ["test"] * 2)[fold]
    table = pd.DataFrame({"clip_id": clip_id, "split": split, "fold": fold, "group": clip_id, "number": numbers})
    return write(
        stored, pd.concat([table, plain(drawn)], axis=1),
        Play(target, target.seed, target.seconds, target.sample_rate, target.compose), made,
        task=target.task,
        tags=pd.DataFrame({"name": target.classes, "category": target.title}),
        label_sets={"observed": (target.labels(drawn), {})},
        info={"title": target.title, "licence": "made here; MIT", "thesis": target.thesis, **whole},
        n_jobs=n_jobs, scheduler=scheduler, progress=progress,
    )  # fmt: skip


def write(name: str, table: pd.DataFrame, play: Play, made: dict[str, Any], **options: Any) -> corpus.Corpus:
    """Store clips that `play` renders; `options` as in `mtlib.corpora.writing.write`."""
    n_samples = round(play.seconds * play.sample_rate)
    return corpus.write(
        name, table, play,
        audio_recipe=made | {"seed": play.seed, "seconds": play.seconds},
        sample_rate=play.sample_rate, n_samples=n_samples,
        source_columns=("number",), shard_bytes=2 * n_samples * SHARD_CLIPS, **options,
    )  # fmt: skip


def plain(drawn: pd.DataFrame) -> pd.DataFrame:
    """Return latents as columns of a manifest: text and rounded numbers."""
    rounded = drawn.reset_index(drop=True).round(4)
    return rounded.astype(dict.fromkeys(rounded.select_dtypes("category"), str)).replace("nan", "")


def _finished(name: str, whole: dict[str, Any]) -> corpus.Corpus | None:
    """Return the corpus of this name if it is what would be made now, and not damaged."""
    try:
        found = corpus.Corpus.open(name)
        found.verify()
    except InputError:  # there is none, or parts have to be made again
        return None
    return found if found.info.get("recipe") == whole["recipe"] else None
