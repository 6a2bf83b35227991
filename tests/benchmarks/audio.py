"""Decoding, front end and tags for a folder of clips; prints ratios and peak memory.

Run: ``python tests/benchmarks/audio.py --clips 100``. Each clip is 29 s of MP3. Decoding is compared with
``librosa.load(sr=12000)`` in the same run, file by file in turns, so that a busy machine slows both.
The bar (README.md): at least as fast as librosa.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import librosa
import numpy as np
import soundfile

from mtlib.base.errors import InputError
from mtlib.networks import tagging
from mtlib.signal import audio

KINDS = {"16 kHz mono": (16_000, 1), "44.1 kHz mono": (44_100, 1), "44.1 kHz stereo": (44_100, 2)}


def write_clips(folder: Path, n_clips: int) -> dict[str, list[Path]]:
    """Write MP3 clips of tones and noise, the kinds in equal shares; eight different ones a kind."""
    rng = np.random.default_rng(0)
    files = {}
    for kind, (sample_rate, n_channels) in KINDS.items():
        seconds = np.arange(29 * sample_rate) / sample_rate
        files[kind] = []
        encoded: list[bytes] = []
        for i in range(-(-n_clips // len(KINDS))):
            path = folder / f"{sample_rate}_{n_channels}_{i:04d}.mp3"
            if i < 8:
                tone = 0.2 * np.sin(2 * np.pi * rng.uniform(100, 4000) * seconds)
                noise = rng.normal(0, 0.05, (len(seconds), n_channels))
                soundfile.write(path, tone[:, None] + noise, sample_rate, format="MP3")
                encoded.append(path.read_bytes())
            else:
                path.write_bytes(encoded[i % 8])
            files[kind].append(path)
    return files


def seconds_of(call, path: Path) -> float:
    """Return the time one call takes."""
    start = time.perf_counter()
    call(path)
    return time.perf_counter() - start


def peak_mib() -> float:
    """Return the peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=100)
    n_clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder:
        files = write_clips(Path(folder), n_clips)
        for kind, paths in files.items():
            librosa.load(paths[0], sr=12_000)  # its first call compiles
            ours = theirs = 0.0
            for path in paths:
                ours += seconds_of(audio.load, path)
                theirs += seconds_of(lambda p: librosa.load(p, sr=12_000), path)
            print(f"decode, {kind}: {theirs / ours:.2f}x librosa.load (n = {len(paths)})")
        try:
            tagger = tagging.load_model("compact")
        except InputError as error:
            print(f"tags not measured: {error}")
            return
        every = [path for paths in files.values() for path in paths]
        tagging.tag_file(every[0], tagger)
        before, decoding, start = peak_mib(), 0.0, time.perf_counter()
        for path in every:
            tagging.tag_file(path, tagger)
        whole = time.perf_counter() - start
        for path in every:
            decoding += seconds_of(audio.load, path)
        print(f"decode + front end + tags: {whole / decoding:.2f}x the time of decoding alone, "
              f"{29 * len(every) / whole:.0f}x real time here (n = {len(every)})")  # fmt: skip
        print(f"peak memory: {peak_mib():.0f} MiB, {peak_mib() - before:+.0f} MiB over the first clip")


if __name__ == "__main__":
    main()
