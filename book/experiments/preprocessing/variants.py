"""The same clips, once more through a lossy codec or a poor resampler: corpora made from corpora.

A variant has its own audio key (the original's, what was done, and the versions that did it), so nothing that
is kept for one is taken for the other. Variants are fed to a network that was trained on the
original [Choi2018, §5.2].
"""

import importlib.metadata
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import soundfile
import soxr

from mtlib.base.errors import InputError, one_of
from mtlib.corpora import corpus as corpora
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.shards import Read, to_int16

MP3 = {"mp3, 64 kbit/s": 64, "mp3, 16 kbit/s": 16}
"""Constant bit rates, one channel at the corpus' own rate."""

RESAMPLERS = {"resampled, soxr quick": "QQ", "resampled, linear interpolation": "linear"}
"""By way of 44.1 kHz and back."""

VARIANTS = (*MP3, *RESAMPLERS)


def change(samples: np.ndarray, variant: str, sample_rate: int) -> np.ndarray:
    """Send samples (time,) float32 through a variant; the result is as long and not shifted.

    Raises
    ------
    InputError
        If the variant is unknown, or the bit rate is not one of MP3 at this sample rate.
    """
    one_of(VARIANTS, variant=variant)
    if variant in MP3:
        return _through_mp3(samples, sample_rate, MP3[variant])
    up = soxr.resample(samples, sample_rate, 44_100, quality="VHQ")
    if RESAMPLERS[variant] == "linear":
        back = np.interp(np.arange(len(samples)) * 44_100 / sample_rate, np.arange(len(up)), up)
    else:
        back = soxr.resample(up, 44_100, sample_rate, quality=RESAMPLERS[variant])
    return np.resize(back.astype(np.float32), len(samples))


def _through_mp3(samples: np.ndarray, sample_rate: int, kilobits: int) -> np.ndarray:
    highest = 64 if sample_rate <= 12_000 else 160 if sample_rate <= 24_000 else 320
    if kilobits > highest:
        raise InputError(f"MP3 at {sample_rate} Hz has at most {highest} kbit/s, got {kilobits}")
    lowest = 8 if sample_rate <= 24_000 else 32
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", sample_rate, 1, subtype="MPEG_LAYER_III", format="MP3", bitrate_mode="CONSTANT",
        compression_level=(highest - kilobits) / (highest - lowest),
    ) as out:  # fmt: skip
        out.write(np.concatenate([samples, np.zeros(2400, np.float32)]))  # pushes the last frame out
    decoded, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    n = len(samples)
    n_fft = 1 << (2 * max(n, len(decoded)) - 1).bit_length()
    match = np.fft.irfft(np.fft.rfft(decoded, n_fft) * np.conj(np.fft.rfft(samples, n_fft)))
    delay = int(match[:4096].argmax())  # the coder's, where the file does not tell it
    return np.pad(decoded[delay : delay + n], (0, max(0, n - len(decoded) + delay)))


@dataclass(frozen=True)
class _Reader:
    """Reads clips of the original and changes them; picklable."""

    original: Corpus
    variant: str

    def __call__(self, rows: pd.DataFrame) -> Iterator[Read]:
        for place in rows["original_place"]:
            samples = self.original.pcm([int(place)])[0].astype(np.float32) / 32768
            yield Read(to_int16(change(samples, self.variant, self.original.sample_rate)))


def write(original: Corpus, variant: str, indices: np.ndarray, *, n_jobs: int = 1) -> Corpus:
    """Make a variant of some clips of a corpus, or find it as it is.

    Parameters
    ----------
    original : Corpus
        With clips of one length.
    variant : str
        One of `VARIANTS`.
    indices : ndarray (clip,)
        Clips of the original; the variant holds them in this order, with all their label sets.
    n_jobs : int
    """
    one_of(VARIANTS, variant=variant)
    if original.n_samples is None:
        raise InputError(f"the clips of corpus {original.name} differ in length; variants need one length")
    rows = original.clips.iloc[indices]
    table = rows[["clip_id", "split", "fold", "group"]].reset_index(drop=True).assign(original_place=indices)
    packages = ("soundfile", "soxr", "numpy")
    return corpora.write(
        f"{original.name}-{re.sub('[^a-z0-9]+', '-', variant.lower())}",
        table,
        _Reader(original, variant),
        audio_recipe={
            "of": original.audio_key,
            "variant": variant,
            "versions": {name: importlib.metadata.version(name) for name in packages},
            "libsndfile": soundfile.__libsndfile_version__,
        },
        sample_rate=original.sample_rate,
        n_samples=original.n_samples,
        task=original.task,
        tags=original.tags,
        label_sets={name: (original.labels(name)[indices], original.label_meta(name)) for name in original.label_sets},
        n_jobs=n_jobs,
        info={"title": f"{original.name}, {variant}"},
    )
