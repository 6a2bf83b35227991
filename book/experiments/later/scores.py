"""Scores that later work published, as tables: what each network reached on which labels, tag by tag.

``data/later/scores.csv`` is made from the files of later work (`read`, ``python -m mtlib later scores``);
``sources.csv`` beside it names each paper's repository, commit, licence, protocol and caveat. Scores of
single tags are read from the fetched files and not shipped: their licences allow no commercial use.

Conventions
    ROC-AUC and average precision (``pr_auc``) between 0 and 1, means over the fifty tags of a dataset where
    no tag is named. None of these networks is sized or trained as in the thesis.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from mtlib.base import paths, published
from mtlib.base.errors import one_of
from mtlib.base.files import atomic
from mtlib.base.tags import TAGS
from mtlib.corpora.datasets import msd_labels
from mtlib.evidence import correlation

FOLDER = paths.DATA / "later"
DATASETS = {"msd_lastfm": "MSDS", "magnatagatune": "MTT", "mtg_jamendo": "Jam-50"}
"""Datasets of the probes, and what their files call them."""

COLUMNS = (
    "paper", "network", "dataset", "sample_rate", "n_mels", "magnitude", "hop", "metric", "value",
    "deviation",
)  # fmt: skip


def table() -> pd.DataFrame:
    """Return the scores that are kept with the book."""
    return pd.read_csv(FOLDER / "scores.csv")


def sources() -> pd.DataFrame:
    """Return where the scores come from, one row per paper."""
    return pd.read_csv(FOLDER / "sources.csv")


def read() -> pd.DataFrame:
    """Read all scores from the files of later work.

    Returns
    -------
    DataFrame
        paper (of `sources`), network, dataset, sample_rate [Hz], n_mels, magnitude, hop (1 or 2: once or
        twice the usual one), metric (roc_auc or pr_auc), value, deviation (over trainings); empty where
        it is not told.

    Raises
    ------
    InputError
        If a file cannot be had.
    """
    parts = (_won2020(), _mccallum2022(), _bogdanov2019(), _ferraro2020(), _pons2019())
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS)


def record(scores: pd.DataFrame) -> Path:
    """Keep the scores with the book."""
    with atomic(FOLDER / "scores.csv") as file:
        scores.to_csv(file, index=False, float_format="%.6g")
    return FOLDER / "scores.csv"


def _won2020() -> pd.DataFrame:
    wide = pd.read_csv(FOLDER / "won2020.csv")
    long = wide.melt(["network", "dataset"], ["roc_auc", "pr_auc"], var_name="metric")
    return long.assign(paper="won2020", sample_rate=16_000)


def _mccallum2022() -> pd.DataFrame:
    long = pd.concat([tag_scores(dataset).assign(dataset=dataset) for dataset in DATASETS])
    long = long.melt(["network", "dataset", "tag"], ["roc_auc", "pr_auc"], var_name="metric")
    means = long.groupby(["network", "dataset", "metric"], sort=False)["value"].mean().reset_index()
    return means.assign(paper="mccallum2022")


def _bogdanov2019() -> pd.DataFrame:
    means = baseline()[["roc_auc", "pr_auc"]].mean()
    rows = [("Jamendo baseline", "mtg_jamendo", metric, value) for metric, value in means.items()]
    return pd.DataFrame(rows, columns=["network", "dataset", "metric", "value"]).assign(paper="bogdanov2019")


def _ferraro2020() -> pd.DataFrame:
    text = published.fetch("EUSIPCO2020/results.md").read_text(encoding="utf-8")
    names, metrics = {"VGG": "VGG", "MUSICNN": "Musicnn"}, {"ROC": "roc_auc", "PR": "pr_auc"}
    datasets, rows = {"MagnaTagATune": "magnatagatune", "MSD": "msd_lastfm"}, []
    for title, body in re.findall(r"^## (.*?)$(.*?)(?=^## |\Z)", text, re.M | re.S):
        dataset, network, metric = re.fullmatch(r"(\w+) - (\w+) \((\w+) AUC\)", title.strip()).groups()
        inputs = [cell for cell in _cells(body, "th") if "KHz" in cell]
        for line in re.findall(r"<tr>(.*?)</tr>", body, re.S):
            if not (cells := _cells(line, "td")):
                continue
            n_mels, hop = _cells(line, "th")[0], cells[0].removeprefix("x")
            for given, cell in zip(inputs, cells[1:], strict=True):
                if number := re.match(r"\**([\d.]+)\**(?: \(([\d.]+)\))?", cell):
                    value, deviation = (float(x) / 100 if x else np.nan for x in number.groups())
                    rate, magnitude = given.split("KHz-")
                    rows.append((
                        "ferraro2020", names[network], datasets[dataset], 1000 * int(rate), int(n_mels),
                        magnitude, int(hop), metrics[metric], value, deviation,
                    ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _cells(text: str, kind: str) -> list[str]:
    return [cell.strip() for cell in re.findall(rf"<{kind}\b[^>]*>(.*?)</{kind}>", text, re.S)]


def _pons2019() -> pd.DataFrame:
    rows = []
    for name, dataset in (("MSD", "msd_lastfm"), ("MTT", "magnatagatune")):
        for network in ("musicnn", "musicnn_big", "vgg"):
            artifact = f"musicnn/musicnn/{name}_{network}/experiment.result"
            if artifact in published.ARTIFACTS:
                text = published.fetch(artifact).read_text(encoding="utf-8")
                values = re.findall(r"AUC: ([\d.]+)", text)  # the second is average precision, whatever its name
                for metric, value in zip(("roc_auc", "pr_auc"), values, strict=True):
                    rows.append((network, dataset, metric, float(value)))
    found = pd.DataFrame(rows, columns=["network", "dataset", "metric", "value"])
    return found.assign(paper="pons2019", sample_rate=16_000)


def tag_scores(dataset: str) -> pd.DataFrame:
    """Return what probes on six pretrained networks reach on each tag; CC BY-NC 4.0, not to be shipped.

    Parameters
    ----------
    dataset : str
        One of `DATASETS`.

    Returns
    -------
    DataFrame
        network, tag, roc_auc, pr_auc.

    Raises
    ------
    InputError
        If a file cannot be had.
    """
    one_of(DATASETS, dataset=dataset)
    found = []
    for metric, column in (("roc-auc", "roc_auc"), ("map", "pr_auc")):
        name = f"music-audio-representations/supporting_data/results/{DATASETS[dataset]}/{metric}.csv"
        wide = pd.read_csv(published.fetch(name), index_col=0).rename(columns={"model-name": "network"})
        long = wide.melt("network", var_name="tag", value_name=column)
        long["tag"] = long["tag"].str.removeprefix(f"{metric}_").str.rpartition("---")[2]
        found.append(long.set_index(["network", "tag"]))
    return found[0].join(found[1]).reset_index()


def baseline() -> pd.DataFrame:
    """Return the areas of MTG-Jamendo's own baseline, a row for each tag: tag, roc_auc, pr_auc.

    It was trained on an earlier version of the dataset; four of its tags are not in the final list.
    """
    scores = pd.read_csv(published.fetch("mtg-jamendo-dataset/results/ml4md2019/auc_top50.tsv"), sep="\t")
    return scores.assign(tag=scores["tag"].str.rpartition("---")[2])


def popularity(rng: np.random.Generator) -> pd.DataFrame:
    """Correlate the area of each of the thesis' fifty tags with how popular the tag is.

    Popularity is measured as the thesis does, by the place in Last.fm's list, and by how many clips have
    the tag in the author's label files.

    Returns
    -------
    DataFrame
        network, measure (``list`` or ``labels``), value (Spearman; above 0: popular tags are learned
        better), low, high, p, n.

    Raises
    ------
    InputError
        If a file cannot be had.
    """
    areas = tag_scores("msd_lastfm").pivot(index="network", columns="tag", values="roc_auc")[list(TAGS)]
    measures = {"list": -np.arange(len(TAGS)), "labels": msd_labels.load().everything.sum(0)}
    rows = []
    for network, values in areas.iterrows():
        for measure, popular in measures.items():
            c = correlation.correlation(popular, values.to_numpy(), rng=rng)
            rows.append((network, measure, c.value, c.low, c.high, c.p_value, c.n))
    return pd.DataFrame(rows, columns=["network", "measure", "value", "low", "high", "p", "n"])
