"""How good a trained network is: numbers by tag with intervals, the worst errors, and one page to look at.

Everything is measured on the test clips of the run. Intervals are 95 %, over the choice of test clips;
clips of one group (an artist) are drawn together.

Conventions
    ``outputs`` are probabilities (clip, tag), or numbers for a regression. A threshold is chosen on the
    validation clips and judged on the test clips.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import numpy as np
import pandas as pd
from sklearn import metrics

from ..base.errors import InputError
from ..corpora.corpus import Corpus
from ..evidence import evaluation
from ..training import objectives
from ..training.runs import Run
from . import charts, pages

N_RESAMPLES = 1000
N_WORST = 3
"""Clips listed per tag and kind of error."""
FEWEST = 3  # test clips with a tag, and without, from which its scores have an interval
N_PLAYED = 12
PLAYED_SECONDS = 8.0


@dataclass(frozen=True)
class Evaluation:
    """A run's predictions beside its corpus' labels.

    Parameters
    ----------
    run : Run
    corpus : Corpus
        The corpus that the run was trained on.
    precision : float, optional
        Choose thresholds that reach this precision on the validation clips; by default those of the best F1.
    """

    run: Run
    corpus: Corpus
    precision: float | None = None

    def __post_init__(self) -> None:
        spec = self.run.spec
        if self.corpus.fingerprint_of(spec.labels) != spec.fingerprint:
            raise InputError(
                f"corpus {self.corpus.name} has changed since run {self.run.key[:12]} was trained on it; train again"
            )
        if self.precision is not None and not 0 < self.precision <= 1:
            raise InputError(f"precision must lie between 0 and 1, got {self.precision}")

    @property
    def clips(self) -> np.ndarray:
        """Indices of the test clips (clip,)."""
        return self.run.predictions["test_clips"]

    @property
    def outputs(self) -> np.ndarray:
        """What the network says of the test clips, (clip, tag)."""
        return self.run.predictions["test_outputs"]

    @cached_property
    def targets(self) -> np.ndarray:
        """Labels of all clips of the corpus, (clip, tag)."""
        return objectives.targets(self.corpus, self.run.spec.labels)

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each test clip is drawn, (clip, replicate)."""
        groups = self.corpus.clips["group"].to_numpy()[self.clips]
        groups = groups if len(set(groups)) > 1 else None
        return evaluation.resample(len(self.clips), N_RESAMPLES, np.random.default_rng(0), groups=groups)

    def by_tag(self) -> pd.DataFrame:
        """Return one row per tag, or per number of a regression.

        Returns
        -------
        DataFrame
            tag, n (test clips with it), auc, auc_low, auc_high, ap, ap_low, ap_high, threshold, precision,
            recall, f1; for a regression tag, n, r2, mae.
        """
        names, targets = list(self.corpus.tags["name"]), self.targets[self.clips]
        if self.corpus.task == "regression":
            return pd.DataFrame({
                "tag": names, "n": len(self.clips),
                "r2": metrics.r2_score(targets, self.outputs, multioutput="raw_values"),
                "mae": np.abs(targets - self.outputs).mean(0),
            })  # fmt: skip
        found: dict[str, Any] = {"tag": names, "n": targets.sum(0).astype(int)}
        for name, metric in (("auc", "roc"), ("ap", "pr")):
            found[name] = evaluation.tag_areas(targets, self.outputs, metric=metric)
            drawn = evaluation.tag_areas(targets, self.outputs, metric=metric, counts=self.counts)
            enough = np.minimum(found["n"], len(targets) - found["n"]) >= FEWEST
            for end, share in (("low", 0.025), ("high", 0.975)):
                values = np.full(len(names), np.nan)
                values[enough] = np.nanquantile(drawn[:, enough], share, axis=0)
                found[f"{name}_{end}"] = values
        thresholds = [self._threshold(k) for k in range(len(names))]
        judged = [_judged(targets[:, k] > 0, self.outputs[:, k] >= t) for k, t in enumerate(thresholds)]
        return pd.DataFrame(found | {"threshold": thresholds}).join(
            pd.DataFrame(judged, columns=["precision", "recall", "f1"])
        )

    def _said(self) -> np.ndarray:
        """Return which tags the network gives to which test clips, (clip, tag) bool."""
        if self.corpus.task == "multiclass":
            return np.eye(self.outputs.shape[1], dtype=bool)[self.outputs.argmax(1)]
        return self.outputs >= [self._threshold(k) for k in range(self.outputs.shape[1])]

    def _threshold(self, tag: int) -> float:
        clips = self.run.predictions["valid_clips"]
        labels, outputs = self.targets[clips, tag] > 0, self.run.predictions["valid_outputs"][:, tag]
        if not labels.any():
            return 0.5
        precision, recall, levels = metrics.precision_recall_curve(labels, outputs)
        if self.precision is None:
            best = int(np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-12)))
        else:
            reached = np.flatnonzero(precision >= self.precision)
            best = int(reached[0]) if len(reached) else len(levels) - 1
        return float(levels[min(best, len(levels) - 1)])

    def summary(self) -> dict[str, Any]:
        """Return the figures of the whole: macro with its interval and micro AUC, accuracy, or R²."""
        found: dict[str, Any] = {
            "run": self.run.key, "title": self.run.record["title"], "corpus": self.corpus.name,
            "task": self.corpus.task, "n_clips": len(self.clips),
        }  # fmt: skip
        targets = self.targets[self.clips]
        if self.corpus.task == "regression":
            return found | {"r2": float(metrics.r2_score(targets, self.outputs))}
        if self.corpus.task == "multiclass":
            right = targets.argmax(1) == self.outputs.argmax(1)
            drawn = (right @ self.counts) / self.counts.sum(0)
            low, high = np.quantile(drawn, [0.025, 0.975])
            found |= {"accuracy": float(right.mean()), "accuracy_low": float(low), "accuracy_high": float(high)}
        areas = evaluation.tag_areas(targets, self.outputs)
        known = np.isfinite(areas)
        if not known.any():
            return found | {"undefined": len(areas)}
        drawn = evaluation.tag_areas(targets[:, known], self.outputs[:, known], counts=self.counts)
        drawn = drawn[np.isfinite(drawn).any(1)]
        low, high = np.quantile(np.nanmean(drawn, axis=1), [0.025, 0.975])
        micro = metrics.roc_auc_score(targets[:, known].ravel(), self.outputs[:, known].ravel())
        return found | {
            "macro_auc": float(areas[known].mean()),
            "macro_auc_low": float(low), "macro_auc_high": float(high),
            "micro_auc": float(micro), "undefined": int((~known).sum()),
        }  # fmt: skip

    def confusion(self) -> pd.DataFrame:
        """Return how often a class was taken for another, (class, class) counts."""
        names = list(self.corpus.tags["name"])
        found = metrics.confusion_matrix(
            self.targets[self.clips].argmax(1), self.outputs.argmax(1), labels=range(len(names))
        )
        return pd.DataFrame(found, index=pd.Index(names, name="class"), columns=names)

    def calibration(self, n_bins: int = 10) -> pd.DataFrame:
        """Return by bins of equal width how often outputs are right: predicted, observed, n."""
        outputs, targets = self.outputs.ravel(), self.targets[self.clips].ravel()
        place = np.minimum((outputs * n_bins).astype(int), n_bins - 1)
        table = pd.DataFrame({"predicted": outputs, "observed": targets, "bin": place})
        return table.groupby("bin").agg(
            predicted=("predicted", "mean"), observed=("observed", "mean"), n=("bin", "size")
        )

    def worst(self) -> pd.DataFrame:
        """Return the surest errors of each tag: tag, error, clip_id, path, output, clip."""
        names, targets, rows = list(self.corpus.tags["name"]), self.targets[self.clips], []
        if self.corpus.task == "regression":
            gaps = np.abs(targets - self.outputs)
            for k, name in enumerate(names):
                rows += [(name, "far off", i, self.outputs[i, k]) for i in gaps[:, k].argsort()[::-1][:N_WORST]]
        else:
            said = self._said()
            for k, name in enumerate(names):
                order = self.outputs[:, k].argsort(kind="stable")
                have, yes = targets[order, k] > 0, said[order, k]
                surest = order[~have & yes][::-1][:N_WORST], order[have & ~yes][:N_WORST]
                for error, found in zip(("false positive", "false negative"), surest, strict=True):
                    rows += [(name, error, i, self.outputs[i, k]) for i in found]
        table = pd.DataFrame(rows, columns=["tag", "error", "row", "output"])
        table["clip"] = self.clips[table.pop("row").to_numpy(int)]
        manifest = self.corpus.clips
        table["clip_id"] = manifest["clip_id"].to_numpy()[table["clip"]]
        table["path"] = manifest["path"].to_numpy()[table["clip"]] if "path" in manifest else table["clip_id"]
        return table


def _judged(labels: np.ndarray, said: np.ndarray) -> tuple[float, float, float]:
    hits = (labels & said).sum()
    precision = hits / said.sum() if said.any() else np.nan
    recall = hits / labels.sum() if labels.any() else np.nan
    return precision, recall, 2 * hits / (labels.sum() + said.sum()) if (labels | said).any() else np.nan


def page(found: Evaluation) -> str:
    """Return an evaluation as one HTML page with charts and players that needs no network."""
    folder = jinja2.FileSystemLoader(Path(__file__).parent)
    template = jinja2.Environment(loader=folder, autoescape=True, undefined=jinja2.StrictUndefined)
    by_tag, worst = found.by_tag(), found.worst()
    tables = {"Numbers": by_tag.round(3), "The surest errors": worst.drop(columns="clip").round(3)}
    if found.corpus.task == "multiclass":
        tables = {"Confusions": found.confusion().reset_index()} | tables
    return template.get_template("report.html").render(
        summary=found.summary(),
        library=charts.vega(),
        charts=[] if found.corpus.task == "regression" else list(_charts(found, by_tag)),
        tables=[(title, _table(table, title)) for title, table in tables.items()],
        players=[_player(found, row) for row in worst.drop_duplicates("clip").head(N_PLAYED).itertuples()],
    )


def _charts(found: Evaluation, by_tag: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Yield title, description and specification of each chart."""
    shown = by_tag.dropna(subset=["auc"]).sort_values("auc")
    base = alt.Chart(shown.tail(60)).encode(y=alt.Y("tag:N", sort=None, title=None))
    layers = alt.layer(
        base.mark_rule().encode(x=alt.X("auc_low:Q", title="AUC", scale=alt.Scale(zero=False)), x2="auc_high:Q"),
        base.mark_point(filled=True, size=60).encode(x="auc:Q", tooltip=["tag", "n", "auc", "ap"]),
    )
    text = f"AUC of {len(shown)} tags"
    yield "By tag", text, charts.as_data(charts.finish(layers, text, height=18 * min(len(shown), 60) + 20).to_dict())
    line = alt.Chart(found.calibration().reset_index()).mark_line(point=True).encode(
        x=alt.X("predicted:Q", title="Output"),
        y=alt.Y("observed:Q", title="Share of clips with the tag"),
        tooltip=["predicted", "observed", "n"],
    )  # fmt: skip
    text = "Share of clips with a tag against the network's output"
    yield "Calibration", text, charts.as_data(charts.finish(line, text).to_dict())


def _table(frame: pd.DataFrame, label: str) -> str:
    return pages.scrolling(frame.to_html(index=False, border=0, na_rep="–"), label)


def _player(found: Evaluation, row: Any) -> str:
    samples = found.corpus.clip(row.clip)[: round(PLAYED_SECONDS * found.corpus.sample_rate)]
    return pages.player(
        samples, found.corpus.sample_rate, f"{row.clip_id}: {row.error} of {row.tag} ({row.output:.2f})"
    ).data
