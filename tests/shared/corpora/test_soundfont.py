import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mtlib.corpora.synthetic.rendering import instruments, soundfont


@pytest.fixture(scope="module")
def original():
    return (Path(importlib.util.find_spec("pretty_midi").origin).parent / "TimGM6mb.sf2").read_bytes()


def semitones_off(sound, pitch):
    """Return how far the loudest of the first harmonics of an octave around the pitch is off."""
    sound = sound[6000:50_000] * np.hanning(len(sound[6000:50_000]))
    spectrum = np.abs(np.fft.rfft(sound, 2**19))
    frequencies = np.fft.rfftfreq(2**19, 1 / instruments.RATE)
    expected = 440 * 2 ** ((pitch - 69) / 12)
    offsets = np.arange(-6, 6.01, 0.05)
    combs = [
        sum(spectrum[np.searchsorted(frequencies, expected * h * 2 ** (o / 12))] for h in (1, 2, 3, 4)) for o in offsets
    ]
    return offsets[int(np.argmax(combs))]


@pytest.mark.parametrize("program", [0, 16, 25, 33, 48, 73])  # piano, organ, guitar, bass, strings, flute
@pytest.mark.parametrize("pitch", [44, 57, 64])
def test_instruments_are_in_tune(program, pitch):
    assert abs(semitones_off(instruments.play(program, False, pitch, 1.5), pitch)) <= 0.2


def test_only_root_keys_and_the_samples_of_zones_change(original):
    found = soundfont.retuned(original)
    start = original.rindex(b"LIST", 0, original.index(b"pdta"))
    assert found[8:start] == original[8:start]  # every sample as it was
    assert int.from_bytes(found[4:8], "little") == len(found) - 8
    assert soundfont.retuned(found) == found  # nothing left to do


def test_the_file_is_made_once_under_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    soundfont.tuned.cache_clear()
    path = soundfont.tuned()
    assert path.parent == tmp_path / "soundfonts" and list(path.parent.iterdir()) == [path]
    soundfont.tuned.cache_clear()
