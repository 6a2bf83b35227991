"""How good a trained network is: numbers by tag with intervals, the worst errors, and one page to look at.

Everything is measured on the test clips of the run. Intervals are 95 %, over the choice of test clips;
clips of one group (an artist) are drawn together.

Conventions
    ``outputs`` are probabilities (clip, tag), or numbers for a regression. A threshold is chosen on the
    validation clips and judged on the test clips.
"""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt
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
    summary = found.summary()
    title = html.escape(f"{summary['title']}: {summary['n_clips']} test clips")
    parts = [f"<h1>{title}</h1>", _figures(summary), *_sections(found)]
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{padding:.2rem .6rem;text-align:right;"
        "border-bottom:1px solid #8884}"
        "td:first-child,th:first-child{text-align:left}.mt-scroll{overflow-x:auto}audio{width:100%}"
        "figure{margin:1rem 0}:root{color-scheme:light dark}"
    )
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{title}</title><style>{style}</style><script>{charts.library()}</script></head><body><main>{''.join(parts)}</main></body></html>"
    )


def _figures(summary: dict[str, Any]) -> str:
    said = []
    for name, words in (("accuracy", "Accuracy"), ("macro_auc", "Macro AUC"), ("r2", "R²")):
        if name in summary:
            ends = [summary.get(f"{name}_{end}") for end in ("low", "high")]
            interval = f" [{ends[0]:.3f}, {ends[1]:.3f}]" if None not in ends else ""
            said.append(f"{words} <strong>{summary[name]:.3f}</strong>{interval}")
    said += [f"micro AUC {summary['micro_auc']:.3f}"] if "micro_auc" in summary else []
    said += (
        [f"{summary['undefined']} tags have no AUC: no test clip with, or none without"]
        if summary.get("undefined")
        else []
    )
    return f"<p>{'; '.join(said)}. Brackets are 95 % intervals over the choice of test clips.</p>"


def _sections(found: Evaluation) -> Iterator[str]:
    table = found.by_tag()
    if found.corpus.task != "regression":
        shown = table.dropna(subset=["auc"]).sort_values("auc")
        base = alt.Chart(shown.tail(60)).encode(y=alt.Y("tag:N", sort=None, title=None))
        layers = alt.layer(
            base.mark_rule().encode(x=alt.X("auc_low:Q", title="AUC", scale=alt.Scale(zero=False)), x2="auc_high:Q"),
            base.mark_point(filled=True, size=60).encode(x="auc:Q", tooltip=["tag", "n", "auc", "ap"]),
        )
        yield _chart(layers, "By tag", f"AUC of {len(shown)} tags", height=18 * min(len(shown), 60) + 20)
        bins = found.calibration().reset_index()
        line = alt.Chart(bins).mark_line(point=True).encode(
            x=alt.X("predicted:Q", title="Output"),
            y=alt.Y("observed:Q", title="Share of clips with the tag"),
            tooltip=["predicted", "observed", "n"],
        )  # fmt: skip
        yield _chart(line, "Calibration", "Share of clips with a tag against the network's output")
    if found.corpus.task == "multiclass":
        yield "<h2>Confusions</h2>" + _table(found.confusion().reset_index(), "classes by what they were taken for")
    yield "<h2>Numbers</h2>" + _table(table.round(3), "numbers by tag")
    worst = found.worst()
    yield "<h2>The surest errors</h2>" + _table(worst.drop(columns="clip").round(3), "the surest errors")
    played = worst.drop_duplicates("clip").head(N_PLAYED)
    for row in played.itertuples():
        samples = found.corpus.clip(row.clip)[: round(PLAYED_SECONDS * found.corpus.sample_rate)]
        label = f"{row.clip_id}: {row.error} of {row.tag} ({row.output:.2f})"
        yield pages.player(samples, found.corpus.sample_rate, label).data


def _table(frame: pd.DataFrame, label: str) -> str:
    return pages.scrolling(frame.to_html(index=False, border=0, na_rep="–"), label)


def _chart(chart: alt.TopLevelMixin, title: str, text: str, height: int = 320) -> str:
    made = charts.finish(chart, text, height=height).to_dict()
    name = f"chart-{title.lower().replace(' ', '-')}"
    return (
        f"<h2>{title}</h2><figure><div id='{name}' style='width:100%'></div>"
        f"<script>vegaEmbed('#{name}', {charts.as_data(made)}, {{renderer: 'svg', actions: false}});</script>"
        f"<figcaption>{html.escape(text)}</figcaption></figure>"
    )
