"""Later work: its published scores against its own files, and genres told apart on real excerpts."""

import csv

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from book.experiments.later import genres, scores
from mtlib.__main__ import program
from mtlib.base import published as files
from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.evidence import recorded
from mtlib.networks import later as networks

INPUT = ["sample_rate", "n_mels", "magnitude", "hop"]


def value(**where):
    found = scores.table()
    for column, wanted in where.items():
        found = found[found[column] == wanted]
    (row,) = found.itertuples()
    return row.value


def test_the_kept_scores_are_those_of_the_files(later):
    read = scores.read()
    pd.testing.assert_frame_equal(read, scores.table(), check_dtype=False, rtol=1e-5)
    assert not read.duplicated(["paper", "network", "dataset", "metric", *INPUT]).any()


def test_every_score_has_a_source_and_lies_between_0_and_1():
    table, sources = scores.table(), scores.sources()
    assert set(table.paper) == set(sources.paper) and not sources.isna().any(axis=None)
    assert table.value.between(0.1, 0.95).all() and set(table.metric) == {"roc_auc", "pr_auc"}
    assert set(table.dataset) == set(scores.DATASETS)
    owners = {item.owner + "/" + name.split("/")[0]: item.licence for name, item in files.ARTIFACTS.items()}
    for row in sources.itertuples():
        if row.paper != "won2020":  # typed from an image
            assert owners[row.repository] in (row.licence, "none stated"), row.paper


def test_golden_scores():
    assert value(paper="won2020", network="CRNN", dataset="msd_lastfm", metric="roc_auc") == 0.8499
    assert value(
        paper="ferraro2020", network="VGG", dataset="magnatagatune", metric="roc_auc", sample_rate=12_000,
        n_mels=96, magnitude="log", hop=1,
    ) == 0.8883  # fmt: skip
    means = {"msd_lastfm": 0.9025, "magnatagatune": 0.9171, "mtg_jamendo": 0.8434}
    for dataset, expected in means.items():
        found = value(network="Musicset Supervised", dataset=dataset, metric="roc_auc")
        assert found == pytest.approx(expected, abs=5e-5)


def test_the_crnn_is_last_on_all_three_datasets():
    table = scores.table().query("paper == 'won2020' and metric == 'roc_auc'")
    lowest = table.loc[table.groupby("dataset").value.idxmin()]
    assert set(lowest.network) == {"CRNN"} and len(lowest) == 3


def test_scores_of_tags_are_read_from_the_files(later):
    for dataset, folder in scores.DATASETS.items():
        table = scores.tag_scores(dataset)
        assert len(table) == 6 * 50 and table.groupby("network").size().eq(50).all()
        path = later / "music-audio-representations/supporting_data/results" / folder / "roc-auc.csv"
        with open(path, encoding="utf-8") as file:
            header, first, *_ = csv.reader(file)
        ours = table[table.network == first[1]].set_index("tag").roc_auc
        for name, number in zip(header[2:], first[2:], strict=True):
            assert ours[name.removeprefix("roc-auc_").split("---")[-1]] == float(number)
    assert set(scores.tag_scores("msd_lastfm").tag) == set(TAGS)
    assert len(set(scores.baseline().tag) & set(networks.TAGS["jamendo"])) == 46  # an earlier list


def test_frequent_tags_are_learned_better_though_the_list_hides_it(published, later):
    table = scores.popularity(np.random.default_rng(0)).pivot(index="network", columns="measure")
    assert (table["value"]["labels"] > 0.45).all() and (table["p"]["labels"] < 0.01).all()
    assert (table["value"]["list"].abs() < 0.17).all() and (table["p"]["list"] > 0.2).all()


def test_without_the_files_one_line_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path))
    monkeypatch.setattr(files, "_unreachable", {"raw.githubusercontent.com"})
    for ask in (scores.read, lambda: scores.tag_scores("magnatagatune"), scores.baseline):
        with pytest.raises(InputError, match=r"missing, and raw.githubusercontent.com cannot be reached"):
            ask()
    with pytest.raises(InputError, match="dataset must be one of msd_lastfm"):
        scores.tag_scores("gtzan")


def test_genres_have_the_outputs_of_their_name():
    assert set(genres.genre_tags("compact")) == {"blues", "country", "hiphop", "jazz", "metal", "pop", "rock"}
    assert {genre: networks.TAGS["mtat"][k] for genre, k in genres.genre_tags("fcn-mtat").items()} == {
        genre: genre for genre in ("classical", "country", "metal", "pop", "rock")
    }
    assert networks.TAGS["jamendo"][genres.genre_tags("musicnn-jamendo")["reggae"]] == "reggae"


def test_areas_and_differences_by_hand():
    rng = np.random.default_rng(0)
    labels = np.repeat(genres.GENRES, 8)
    perfect = np.zeros((80, 50))
    for genre, k in genres.genre_tags("compact").items():
        perfect[labels == genre, k] = 1
    noisy = perfect + rng.normal(size=perfect.shape)
    found = {"compact": noisy, "fcn-msd": perfect}
    table = genres.areas(labels, found, rng, n_resamples=300).set_index(["network", "genre"])
    k = genres.genre_tags("compact")["jazz"]
    assert table.auc["compact", "jazz"] == pytest.approx(roc_auc_score(labels == "jazz", noisy[:, k]))
    assert (table.loc["fcn-msd"][["auc", "low", "high"]] == 1).all(axis=None)
    assert table.n_positive["compact", "jazz"] == 8 and table.n_clips.eq(80).all()
    (row,) = genres.differences(labels, found, rng, n_resamples=300).itertuples()
    assert row.difference == pytest.approx(table.auc["compact", "mean"] - 1)
    assert row.low < row.difference < row.high < 0 and len(row.genres.split()) == 7


def test_a_folder_without_a_genre_is_told(tmp_path):
    (tmp_path / "blues").mkdir()
    (tmp_path / "blues" / "notes.txt").write_text("no audio")
    result = CliRunner().invoke(program, ["later", "genres", "--folder", str(tmp_path)])
    assert (
        result.exit_code == 1
        and "no audio in" in result.stderr
        and "one folder for each genre" in result.stderr
    )


def test_what_is_recorded_about_real_excerpts():
    table = recorded.read(genres.RECORDED).set_index(["network", "genre"])
    means = table.xs("mean", level="genre").auc
    assert set(means.index) == set(genres.NETWORKS) and means.idxmax() == "fcn-msd"
    assert (
        means["crnn"] < 0.7 < means["crnn_trained"]
    )  # read as deviations, it hears metal; as variances, not
    assert (table.low <= table.auc).all() and (table.auc <= table.high).all()
    pairs = recorded.read(genres.PAIRS)
    assert len(pairs) == len(genres.NETWORKS) * (len(genres.NETWORKS) - 1) // 2
    for row in pairs[pairs.genres.str.count(" ") == 6].itertuples():  # the same seven genres on both sides
        if "jamendo" not in row.first:
            assert row.difference == pytest.approx(means[row.first] - means[row.second], abs=1e-5)
    assert recorded.origin(genres.RECORDED)["command"] == "python -m mtlib later genres --record"


@pytest.mark.slow
def test_the_record_is_what_the_excerpts_give(published, later, real):
    clips = genres.find_clips()
    labels = np.array([clip.parent.name for clip in clips])
    made = {name: genres.probabilities(name, clips) for name in ("compact", "fcn-msd", "musicnn-jamendo")}
    ours = genres.areas(labels, made, np.random.default_rng(0), n_resamples=50).set_index(
        ["network", "genre"]
    )
    kept = recorded.read(genres.RECORDED).set_index(["network", "genre"]).auc
    np.testing.assert_allclose(ours.auc, kept[ours.index], atol=2e-3)
