"""The same questions to three label sets: how many labels there are, which stand together, how splits differ.

What the thesis finds in the labels of one dataset may hold of tags in general, or of that dataset alone.
Beside the author's labels stand MagnaTagATune, tagged in a listening game, and MTG-Jamendo, tagged by the
artists; each has fifty tags. `load` takes them from published files, no audio is needed.

Conventions
    Labels are (clip, tag) bool; the splits are the ones that each dataset is used with.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mtlib.base.errors import InputError, one_of
from mtlib.base.tags import CATEGORY, TAGS
from mtlib.corpora import corpus
from mtlib.corpora.datasets import labels_only, msd_labels
from mtlib.evidence import statistics

from . import tag_pairs

SETS = ("msd_lastfm", "magnatagatune", "mtg_jamendo")
"""The label sets, by the names of their datasets."""


@dataclass(frozen=True)
class LabelSet:
    """Labels of one dataset by split, and its tags."""

    name: str
    title: str
    category: dict[str, str]
    """Category of each tag, in the order of the columns."""
    by_split: dict[str, np.ndarray]

    @property
    def tags(self) -> list[str]:
        """Names of the columns."""
        return list(self.category)

    @property
    def everything(self) -> np.ndarray:
        """All splits, one below the other."""
        return np.concatenate(list(self.by_split.values()))


def load(name: str) -> LabelSet:
    """Load one of `SETS`.

    Raises
    ------
    InputError
        If the name is unknown, or a file cannot be had.
    """
    one_of(SETS, name=name)
    if name == "msd_lastfm":
        labels = msd_labels.load().by_split
        return LabelSet(name, "Million Song Dataset", {tag: CATEGORY[tag] for tag in TAGS}, labels)
    return of_corpus(labels_only.open_corpus(name))


def of_corpus(source: corpus.Corpus) -> LabelSet:
    """Return the observed labels of a tagging corpus, with audio or without."""
    if source.task != "multilabel":
        raise InputError(f"corpus {source.name} has no tags: its task is {source.task}")
    labels, split = source.labels().astype(bool), source.clips["split"].to_numpy()
    category = dict(zip(source.tags["name"], source.tags["category"], strict=True))
    by_split = {name: labels[split == name] for name in dict.fromkeys(split)}
    return LabelSet(source.name, source.info.get("title", source.name), category, by_split)


def counts(labels: LabelSet) -> pd.DataFrame:
    """Return how many clips have each tag, the most frequent first.

    Returns
    -------
    DataFrame
        tag, category, rank, count, share of all clips.
    """
    count = labels.everything.sum(0)
    table = pd.DataFrame({"tag": labels.tags, "category": labels.category.values(), "count": count})
    table = table.sort_values("count", ascending=False, kind="stable", ignore_index=True)
    return table.assign(rank=table.index + 1, share=table["count"] / len(labels.everything))


def summary(labels: LabelSet) -> dict[str, float]:
    """Return what describes a label set as a whole.

    Returns
    -------
    dict
        n_clips, n_labels, labels_per_clip, n_distinct (rows), top_ten (share of all labels that the ten
        most frequent tags hold), spread (most frequent over least frequent count) and slope (of log
        count on log rank; −1 is Zipf's law).
    """
    count, everything = counts(labels)["count"].to_numpy(), labels.everything
    return {
        "n_clips": len(everything),
        "n_labels": int(count.sum()),
        "labels_per_clip": count.sum() / len(everything),
        "n_distinct": tag_pairs.n_distinct(everything),
        "top_ten": count[:10].sum() / count.sum(),
        "spread": count[0] / count[-1],
        "slope": float(stats.linregress(np.log(np.arange(len(count)) + 1), np.log(count)).slope),
    }


def split_shift(labels: LabelSet, first: str = "valid", second: str = "test") -> pd.DataFrame:
    """Test for each tag whether two splits have it equally often, the largest ratio first.

    Returns
    -------
    DataFrame
        tag, first and second (shares of the clips), ratio, p (χ², adjusted for the number of tags).
    """
    one_of(labels.by_split, first=first, second=second)
    sides = [labels.by_split[name] for name in (first, second)]
    tables = [[[side[:, k].sum(), (~side[:, k]).sum()] for side in sides] for k in range(len(labels.tags))]
    p = statistics.adjust([stats.chi2_contingency(table).pvalue for table in tables])
    shares = [side.mean(0) for side in sides]
    table = pd.DataFrame({"tag": labels.tags, "first": shares[0], "second": shares[1], "p": p})
    table["ratio"] = table["first"] / table["second"]
    return table.sort_values("ratio", ascending=False, ignore_index=True)


def related(labels: LabelSet) -> pd.DataFrame:
    """Return every ordered pair of tags, the most frequent company first, with what relates them.

    Returns
    -------
    DataFrame
        As `tag_pairs.pairs`, with relation (of `tag_pairs.relation`).
    """
    table = tag_pairs.pairs(labels.everything, labels.tags)
    sizes = zip(table.tag, table.beside, table.n_tag, table.n_beside, strict=True)
    return table.assign(relation=[tag_pairs.relation(*row, labels.category) for row in sizes])


def synonyms(labels: LabelSet) -> pd.DataFrame:
    """Return the pairs that the rule calls synonyms, the rarer name first.

    Returns
    -------
    DataFrame
        tag, beside, n_tag, n_beside, share (of the clips with the rarer name that have the other, too)
        with its interval low, high, and preference (count of the frequent over the rare name).
    """
    table = related(labels)
    rarer = (table.n_tag < table.n_beside) | ((table.n_tag == table.n_beside) & (table.tag < table.beside))
    table = table[(table.relation == "synonym") & rarer]
    table = table.assign(preference=table.n_beside / table.n_tag).drop(columns=["relation", "n_both"])
    return table.sort_values("share", ascending=False, ignore_index=True)
