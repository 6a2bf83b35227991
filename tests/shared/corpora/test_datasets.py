"""Ten datasets, from their archives to a gradient step: the right file behind every label."""

import hashlib

import numpy as np
import pytest
import torch
from torchaudio.datasets import gtzan as torchaudio_gtzan

import miniatures
from miniatures import AMPLITUDE, COLUMNS, gtzan_tree, jamendo_tree
from mtlib.base import tags
from mtlib.base.errors import InputError
from mtlib.corpora.datasets import DATASETS, find, gtzan_genre, magnatagatune, msd_lastfm, preparation
from mtlib.networks import structures
from mtlib.signal import audio, frontend
from mtlib.training import objectives

FAULTS = {"magnatagatune": 1, "msd_lastfm": 1, "fma": 1, "gtzan_genre": 1}
"""Clips of the miniatures that cannot be used; the rest must come through."""

INCOMPLETE = ("msd_lastfm", "gtzan_genre", "gtzan_speech_music", "emomusic", "jamendo_vocal")
"""Miniatures that lack clips: 77 has no audio, 7 no rating; the others are listed by their files, which are few."""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path / "published"))


def peak_frequency(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 20))
    return np.argmax(spectrum) * audio.SAMPLE_RATE / (1 << 20)


def test_every_dataset_has_a_miniature():
    assert set(miniatures.MAKERS) == set(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_from_the_archive_to_a_gradient_step(name, tree):
    expected, dataset = tree(name), find(name)
    report = preparation.check(dataset, expected.root)
    made, again = preparation.prepare(dataset, expected.root)
    assert report.lines == again.lines
    assert set(made.clips["clip_id"]) == set(expected.pitches)
    assert len(made.left_out) == FAULTS.get(name, 0)
    assert report.failed == (name in INCOMPLETE)

    for i, clip in enumerate(made.clips["clip_id"]):
        samples = made.clip(i)
        bin_width = audio.SAMPLE_RATE / len(samples)
        assert abs(peak_frequency(samples) - expected.pitches[clip]) <= bin_width, clip
        if len(samples) > 2_000:
            middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
            level = AMPLITUDE / np.sqrt(2) * expected.levels[clip]
            assert abs(20 * np.log10(np.sqrt(np.mean(middle**2)) / level)) < 0.1, clip
        assert expected.splits[clip] in ("", made.clips["split"].iat[i])
        assert expected.groups[clip] == made.clips["group"].iat[i]

    n_samples = made.n_samples or audio.N_SAMPLES[1366]
    batch = made.batch(range(2), n_samples)
    assert batch.shape == (2, n_samples) and batch.dtype == torch.float32 and batch.isfinite().all()
    network = torch.nn.Sequential(
        frontend.crnn_frontend(), structures.build("k2c1", 0.1, n_tags=len(made.tags), n_frames=1366)
    )
    targets = torch.from_numpy(objectives.targets(made, "observed")[:2])
    optimiser = torch.optim.Adam(network.parameters())
    objectives.loss_function(made.task)(network(batch), targets).backward()
    before = [p.detach().clone() for p in network.parameters()]
    assert all(p.grad.isfinite().all() for p in network.parameters())
    optimiser.step()
    moved = [p.isfinite().all() and (p != q).any() for p, q in zip(network.parameters(), before, strict=True)]
    assert sum(moved) > len(moved) / 2  # a bias before a normalisation may stay


def prepared(name, tree):
    return preparation.prepare(find(name), tree(name).root)[0]


def test_magnatagatune_labels_and_known_faults(tree):
    made = prepared("magnatagatune", tree)
    names = np.array(made.tags["name"])
    found = {c: set(names[row]) for c, row in zip(made.clips["clip_id"], made.labels(), strict=True)}
    assert found["2"] == {"classical", "violin"} and found["10"] == {"guitar", "rock"}
    assert made.left_out["status"].tolist() == ["known fault"]
    made.check_losses("train")  # a known fault is no loss


def test_the_fifty_tags_of_magnatagatune_are_columns_of_the_real_table():
    names = magnatagatune.TAGS["name"]
    assert (len(COLUMNS), len(set(names))) == (188, 50) and set(names) <= set(COLUMNS)


def test_msd_rows_without_audio_and_with_shared_audio_are_told(tree):
    report = preparation.check(find("msd_lastfm"), tree("msd_lastfm").root)
    assert any("2 rows share audio 104485" in line for line in report.lines)
    assert any(line.startswith("missing: 1 clip") and "77.clip.mp3" in line for line in report.lines)
    assert any("train: audio for 3 of 3 rows" in line for line in report.lines)


def test_the_real_label_files_of_the_msd_match_their_counts(published):
    for split, n_rows in (("valid", 12_634), ("test", 28_540)):
        ids, _, labels = msd_lastfm.read_split(published / "MSD_split_for_tagging", split)
        assert len(ids) == len(set(ids)) == n_rows and labels.shape == (n_rows, 50)
        assert labels.any(axis=1).all() and 1.6 < labels.sum(axis=1).mean() < 1.8
        assert all(i.startswith("TR") and len(i) == 18 for i in ids)
    counts = [list(tags.CATEGORY.values()).count(c) for c in tags.CATEGORIES]
    assert (len(tags.TAGS), sorted(counts)) == (50, [5, 5, 12, 28])


def test_ballroom_tells_of_one_file_under_two_dances(tree):
    made = prepared("extended_ballroom", tree)
    report = preparation.check(find("extended_ballroom"), tree("extended_ballroom").root)
    line = next(line for line in report.lines if "same file" in line)
    assert "105714 (Foxtrot) and 105715 (Quickstep) are the same file" in line
    without, _ = preparation.prepare(find("extended_ballroom"), tree("extended_ballroom").root, dedupe=True)
    assert not {"105714", "105715"} & set(without.clips["clip_id"]) and len(without) == len(made) - 2
    with pytest.raises(InputError, match=r"class Chacha has 0 clips < 10 folds"):
        next(made.folds())


def test_gtzan_comes_as_au_too_and_its_filtered_lists_are_the_published_ones(tmp_path, tree):
    wav = prepared("gtzan_genre", tree)
    au, _ = preparation.prepare(find("gtzan_genre"), gtzan_tree(tmp_path / "au", ".au").root, name="au")
    assert list(au.clips["clip_id"]) == list(wav.clips["clip_id"])
    np.testing.assert_array_equal(au.clip(0), wav.clip(0))
    report = preparation.check(find("gtzan_genre"), tree("gtzan_genre").root)
    assert "note: 1 file of macOS file information (._*) skipped" in report.lines
    assert any("known fault: 1 clip corrupt in two of the circulating copies (jazz.00054)" in x for x in report.lines)
    sums = {  # of the lists as published, one "genre/file" a line
        "train": (443, "2b04966cef1486f1a7767b74271533fa23e220388db804a1937835e1fc4fa3fa"),
        "valid": (197, "f8fbee7c52397a0e0f3a91dc54fedecb2e27f5bdc9a9daeab8cb10d077e26956"),
        "test": (290, "09cafa6a89ce0a27f30ed250d56ecb4d03c22fffb5a693f96c7ae655ee02ac72"),
    }
    for split, (count, digest) in sums.items():
        ids = gtzan_genre.FILTERED.loc[gtzan_genre.FILTERED["split"] == split, "clip_id"]
        assert list(ids) == getattr(torchaudio_gtzan, f"filtered_{split}")
        text = "".join(f"{i.partition('.')[0]}/{i}.wav\n" for i in ids)
        assert (len(ids), hashlib.sha256(text.encode()).hexdigest()) == (count, digest)


def test_emomusic_keeps_ratings_and_counts_unrated_clips(tree):
    made = prepared("emomusic", tree)
    assert list(made.tags["name"]) == ["arousal", "valence"]
    np.testing.assert_array_equal(made.labels(), [[3.1, 3.0], [3.5, 3.3], [6.0, 5.5]])
    assert (made.clips["n_samples"] > 45 * audio.SAMPLE_RATE).all()  # whole; a batch begins at the start
    np.testing.assert_array_equal(made.batch([1], 348_000)[0], made.clip(1)[:348_000])
    report = preparation.check(find("emomusic"), tree("emomusic").root)
    assert any("3 labels, 4 audio files: 1 audio files have no label (ignored): 7.mp3" in x for x in report.lines)


def test_jamendo_comes_in_two_layouts(tmp_path, tree):
    first = prepared("jamendo_vocal", tree)
    root = jamendo_tree(tmp_path / "second", original=False).root
    second, _ = preparation.prepare(find("jamendo_vocal"), root, name="second")
    assert list(second.clips["clip_id"]) == list(first.clips["clip_id"])
    np.testing.assert_array_equal(second.labels(), first.labels())
    lengths = first.clips.set_index("clip_id")["n_samples"]
    assert lengths["train/02 - Colombia#004"] == 960 and lengths["train/02 - Colombia#000"] == 39_000


def test_urbansound_keeps_its_folds(tree):
    made = prepared("urbansound8k", tree)
    assert sorted(made.clips["fold"]) == [0, 4, 4, 7, 9]
    assert made.clips.set_index("clip_id").loc["200000-6-0-0", "n_samples"] == 600
    report = preparation.check(find("urbansound8k"), tree("urbansound8k").root)
    assert "note: recordings in more than one fold: 180937" in report.lines


def test_an_unknown_dataset_is_told():
    with pytest.raises(InputError, match="unknown dataset 'mtat'; choose one of magnatagatune, msd_lastfm"):
        find("mtat")
