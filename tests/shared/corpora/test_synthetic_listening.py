"""What the recipes ask for is heard in the audio: brightness of decades, keys, tempos."""

import librosa
import numpy as np
import pytest

from mtlib.corpora.synthetic import recipes
from mtlib.corpora.synthetic.composing import composer
from mtlib.corpora.synthetic.population import latents
from mtlib.corpora.synthetic.rendering import render

RATE = 12_000


def strong(era, n=8):
    """Return clips of a decade whose production is strong."""
    drawn = latents.draw(0, np.arange(2000))
    chosen = drawn[(drawn["era"] == era) & (drawn["era_strength"] > 0.8)].iloc[:n]
    return render.render(composer.compose(chosen, 0, 4.0))


def test_decades_differ_in_brightness():
    frequencies = np.fft.rfftfreq(4 * RATE, 1 / RATE)

    def centroid(era):
        power = np.abs(np.fft.rfft(strong(era))) ** 2
        return np.mean(power @ frequencies / power.sum(axis=1))

    assert max(centroid("60s"), centroid("70s")) < min(centroid("80s"), centroid("00s"))


def test_keys_are_heard():
    n, hits = 8, 0
    drawn = latents.draw(0, np.arange(n), weights={"classical": 1.0})
    clips = render.render(composer.compose(drawn, 0, 14.5))
    for (_, row), clip in zip(drawn.iterrows(), clips, strict=True):
        chroma = librosa.feature.chroma_stft(y=clip, sr=RATE, n_fft=4096, tuning=0.0).mean(axis=1)
        scale = np.isin(np.arange(12), [0, 2, 4, 5, 7, 9, 11] if row["major"] else [0, 2, 3, 5, 7, 8, 10])
        within = [chroma[np.roll(scale, key)].sum() for key in range(12)]
        hits += np.argmax(within) == row["key"]
    assert hits >= n - 2  # by chance a twelfth


@pytest.mark.slow
def test_tempos_are_heard_in_most_rhythmic_genres():
    genres, heard = recipes.standard().genres, []
    for i, genre in enumerate(genres.index[genres["rhythmic"].astype(bool)]):
        drawn = latents.draw(0, 1000 * i + np.arange(3), weights={genre: 1.0})
        clips = render.render(composer.compose(drawn, 0, 29.0))
        found = []
        for clip in clips:
            onsets = librosa.onset.onset_strength(y=clip, sr=RATE, n_fft=1024, hop_length=128)
            tempo = librosa.feature.tempo(onset_envelope=onsets, sr=RATE, hop_length=128, std_bpm=2.0)
            found.append(tempo[0])
        heard.append(np.median(np.abs(np.array(found) / drawn["bpm"].to_numpy() - 1)) < 0.04)
    assert np.mean(heard) >= 0.8
