"""Label noise in training and evaluation: the networks of chapter 3, scored on two kinds of labels.

Where the truth is known a network can learn from noisy labels and be judged by true ones. Five experiments:
*tagability* gives twelve tags fewer and fewer of their labels, over the same sound; *truth* learns from
true labels; *sizes*, *variants* and *structures* vary the system as the thesis does [Choi2018, §3.2.2.3],
to see whether noisy labels tell good systems from bad ones. ``python -m mtlib label-noise trainings
--record`` computes ``data/results/label_noise_trainings.csv`` again.

On a real corpus nobody knows the truth. Its labels then stand for it, and tagability is lowered by dropping
some of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mtlib.base import profiles
from mtlib.base.errors import InputError
from mtlib.corpora import synthetic
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.synthetic import opening
from mtlib.evidence import evaluation
from mtlib.evidence import recorded as recorded_tables
from mtlib.training import runs, sweeps, taggers
from mtlib.training.specs import RunSpec

NAME = "label_noise_trainings"
EXPERIMENTS = ("tagability", "truth", "sizes", "variants", "structures")
TAGABILITIES = (1.0, 0.7, 0.4, 0.2, 0.1, 0.05)
VARIANTS = {
    "log": {},
    "log, not standardised": {"standardise": False},
    "log, ×10": {"scale": 10.0},
    "log, A-weighting": {"weighting": "a-weighting"},
    "log, per frequency": {"weighting": "per-frequency"},
    "linear": {"magnitude": "linear"},
}
"""Six ways to prepare the same input, as in Figure 3.6 (c)."""
STRUCTURES = {"k1c2": 0.1, "k2c1": 0.1, "crnn": 0.1}
"""Structures of Figure 3.5 and their budget in million parameters."""
N_SWEPT = 12


@dataclass(frozen=True)
class Wanted:
    """One training of an experiment."""

    experiment: str
    setting: str
    spec: RunSpec
    judged_by: str
    """Noisy label set that it is scored on beside the true one."""


def open_corpus(settings: profiles.Settings | str, corpus: str = "synthetic") -> Corpus:
    """Open a chapter's corpus, with a label set for each tagability; as `sources.open_source`."""
    source = opening.open_source(settings, corpus)
    for tagability in TAGABILITIES:
        _add_swept(source, tagability)
    return source


def truth(corpus: Corpus) -> str:
    """Return the label set that counts as true."""
    return "true" if "true" in corpus.label_sets else "observed"


def swept(corpus: Corpus) -> list[int]:
    """Return the tags whose tagability is varied: every second of the 24 most frequent."""
    order = np.argsort(-corpus.labels(truth(corpus))[corpus.split("train")].sum(0), kind="stable")
    return sorted(order[: 2 * N_SWEPT : 2].tolist())


def swept_set(tagability: float) -> str:
    """Return the name of the label set in which the swept tags have this tagability."""
    return f"tagability-{tagability:g}"


def _add_swept(corpus: Corpus, tagability: float) -> None:
    """Add a label set in which only the swept tags differ from the observed one, if it is not there."""
    name, columns = swept_set(tagability), swept(corpus)
    labels = corpus.labels("observed").copy()
    if "salience" in corpus.label_sets:
        rates = synthetic.default_tagability()
        rates[columns] = tagability
        labels = synthetic.observe(corpus.labels("salience"), corpus.clips["number"].to_numpy(), rates)
    else:  # dropping what is there: the same random numbers for every rate, so labels only disappear
        kept = np.random.default_rng(0).random(labels.shape) < tagability
        labels[:, columns] &= kept[:, columns]
    if name in corpus.label_sets and np.array_equal(corpus.labels(name), labels):
        return
    corpus.add_labels(name, labels, {"tagability": tagability, "tags": [int(k) for k in columns]})


def trainings(corpus: Corpus, profile: str, names: Sequence[str] = (), seeds: Iterable[int] = (0,)) -> list[Wanted]:
    """Return the trainings of some experiments; all by default.

    Raises
    ------
    InputError
        If there is no such experiment, or the corpus has no tags.
    """
    if unknown := sorted(set(names) - set(EXPERIMENTS)):
        raise InputError(f"unknown experiment {unknown[0]!r}; choose of {', '.join(EXPERIMENTS)}")
    if corpus.task != "multilabel":
        raise InputError(f"corpus {corpus.name} has no tags (task {corpus.task}); chapter 3 is about tags")
    base = taggers.source_spec(corpus, profiles.named(profile))
    found = []
    for seed in seeds:
        for name in names or EXPERIMENTS:
            found += [
                Wanted(name, setting, spec, spec.labels if name == "tagability" else "observed")
                for setting, spec in _SETTINGS[name](corpus, base.change(seed=seed))
            ]
    return found


def _tagability(corpus: Corpus, base: RunSpec) -> list[tuple[str, RunSpec]]:
    return [(f"{rate:g}", base.change(labels=swept_set(rate))) for rate in TAGABILITIES]


def _truth(corpus: Corpus, base: RunSpec) -> list[tuple[str, RunSpec]]:
    return [(name, base.change(labels=name)) for name in dict.fromkeys(("observed", truth(corpus)))]


def _sizes(corpus: Corpus, base: RunSpec) -> list[tuple[str, RunSpec]]:
    """Halve the training clips again and again; one seed draws the subsets, so they are nested."""
    n_train = len(corpus.split("train"))
    counts = [n for k in range(4, -1, -1) if (n := n_train >> k) >= 2 * base.training.batch]
    return [
        (f"{kind} {n}", base.change(view__kind=kind, n_train=0 if n == n_train else n))
        for kind in ("mel", "stft") for n in counts
    ]  # fmt: skip


def _variants(corpus: Corpus, base: RunSpec) -> list[tuple[str, RunSpec]]:
    return [
        (name, base.change(**{f"view__{key}": value for key, value in view.items()})) for name, view in VARIANTS.items()
    ]


def _structures(corpus: Corpus, base: RunSpec) -> list[tuple[str, RunSpec]]:
    return [(name, base.change(model__structure=name, model__budget=budget)) for name, budget in STRUCTURES.items()]


_SETTINGS: dict[str, Callable[[Corpus, RunSpec], list[tuple[str, RunSpec]]]] = dict(
    zip(EXPERIMENTS, (_tagability, _truth, _sizes, _variants, _structures), strict=True)
)


def finished(wanted: Sequence[Wanted], device: str = "auto") -> list[Wanted]:
    """Return those trainings that are in the store.

    Raises
    ------
    InputError
        If none is.
    """
    specs = sweeps.resolve([one.spec for one in wanted], device)
    found = [one for one, spec in zip(wanted, specs, strict=True) if runs.Run(spec.key).is_finished]
    if not found:
        raise InputError(f"none of the {len(wanted)} trainings is in the store {runs.store()}; train them first")
    return found


def areas(wanted: Sequence[Wanted], corpus: Corpus, **options: Any) -> pd.DataFrame:
    """Train what is missing and score every tag on the test clips, by true and by noisy labels.

    Parameters
    ----------
    wanted : sequence of Wanted
        From `trainings`.
    corpus : Corpus
    **options
        Of `sweeps.sweep`.

    Returns
    -------
    DataFrame
        One row a training and tag: experiment, setting, seed, tag, true, observed (areas under the ROC
        curve; NaN where undefined), n_true, n_observed (test clips with the tag), n_clips, key.
    """
    trained = sweeps.sweep([one.spec for one in wanted], **options)
    tables = []
    for one, run in zip(wanted, trained, strict=True):
        clips, outputs = run.predictions["test_clips"], run.predictions["test_outputs"]
        sides = {"true": truth(corpus), "observed": one.judged_by}
        labels = {side: corpus.labels(name)[clips] for side, name in sides.items()}
        found = {side: evaluation.tag_areas(part, outputs) for side, part in labels.items()}
        found |= {f"n_{side}": part.sum(0).astype(int) for side, part in labels.items()}
        found["n_clips"] = len(clips)
        where = {"experiment": one.experiment, "setting": one.setting, "seed": one.spec.seed}
        tables.append(pd.DataFrame({**where, "tag": corpus.tags["name"], **found, "key": run.key[:12]}))
    return pd.concat(tables, ignore_index=True)


def record(table: pd.DataFrame, corpus: str, profile: str) -> Path:
    """Merge areas into the recorded ones and write where they come from; return their path."""
    return recorded_tables.write(
        NAME, table.assign(corpus=corpus, profile=profile),
        ("corpus", "profile", "experiment", "setting", "seed"),
        command="python -m mtlib label-noise trainings --record",
    )  # fmt: skip


def recorded() -> pd.DataFrame:
    """Return the recorded areas."""
    return recorded_tables.read(NAME, text=("setting",))
