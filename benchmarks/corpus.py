"""Preparing a corpus: speed against librosa, and memory as the corpus grows; prints ratios.

Run: ``python benchmarks/corpus.py``. Speed, in processor time of one thread: 29-s MP3 clips, each read by
`mtlib.preparation` (decoded, averaged, resampled, cut, rounded) and by ``librosa.load(sr=12000)`` in turns;
then the whole preparation, with its shards and manifest on the disk. Memory: the peak of a process that
prepares 1,000 clips, and of one that prepares 20,000 (7.25 s each, so that the disk is not filled).
The bars: over the three kinds together at least as fast as librosa; memory within 10 %.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import librosa
import numpy as np
import pandas as pd
import soundfile

from mtlib import audio, preparation
from mtlib.datasets.scanning import Dataset, Scan, tag_table, text

KINDS = {"16 kHz mono": (16_000, 1), "44.1 kHz mono": (44_100, 1), "44.1 kHz stereo": (44_100, 2)}


def write_clips(folder: Path, n_clips: int, seconds: float, kind: str) -> list[str]:
    """Write MP3 clips of tones and noise: eight different ones, then further names for them."""
    sample_rate, n_channels = KINDS[kind]
    rng = np.random.default_rng(0)
    time_ = np.arange(round(seconds * sample_rate)) / sample_rate
    names = []
    folder.mkdir(parents=True)
    for i in range(n_clips):
        names.append(f"{i:05d}.mp3")
        if i < 8:
            clip = 0.2 * np.sin(2 * np.pi * rng.uniform(100, 4_000) * time_)
            samples = clip[:, None] + rng.normal(0, 0.05, (len(time_), n_channels))
            soundfile.write(folder / names[-1], samples, sample_rate, format="MP3")
        else:
            os.link(folder / names[i % 8], folder / names[-1])
    return names


def dataset(folder: Path, names: list[str], n_samples: int) -> Dataset:
    """Describe the clips as a dataset with one tag."""
    ids = text(names)
    clips = pd.DataFrame({"clip_id": ids, "path": ids, "split": "train", "fold": -1, "group": ids})
    scan = Scan(folder, clips, np.ones((len(names), 1), bool), tag_table(["tag"], "genre"))
    return Dataset(
        "measured", "Measured", "multilabel", lambda root: scan, len(names), "", (), "", "", "", "",
        n_samples=n_samples,
    )  # fmt: skip


def speed(folder: Path, n_clips: int) -> None:
    """Compare one clip at a time, then the whole."""
    totals = np.zeros(3)
    for kind in KINDS:
        source = folder / kind.replace(" ", "_")
        names = write_clips(source, n_clips, 29.2, kind)
        found = dataset(source, names, audio.N_SAMPLES[1366])
        rows = preparation.look(found, source).clips
        read = preparation.ReadAudio(str(source), found.n_samples)
        librosa.load(source / names[0], sr=12_000)  # its first call compiles
        ours = theirs = 0.0
        for i, name in enumerate(names):
            start = time.process_time()
            (result,) = read(rows.iloc[i : i + 1])
            middle = time.process_time()
            librosa.load(source / name, sr=12_000)
            ours, theirs = ours + middle - start, theirs + time.process_time() - middle
            assert result.status == "ok"
        start = time.process_time()
        preparation.prepare(found, source, name=f"speed-{kind.split()[0]}-{kind.split()[-1]}")
        whole = time.process_time() - start
        totals += ours, whole, theirs
        tell(kind, ours, whole, theirs, n_clips)
    tell("together", *totals, n_clips * len(KINDS))


def tell(what: str, ours: float, whole: float, theirs: float, n_clips: int) -> None:
    """Print one line of ratios."""
    print(f"{what}: {theirs / ours:.2f}x librosa.load reading, {theirs / whole:.2f}x with everything "
          f"written (n = {n_clips})", flush=True)  # fmt: skip


def prepare_many(folder: Path, n_clips: int) -> None:
    """Prepare clips of 7.25 s in this process and print its peak memory."""
    import resource

    names = sorted(path.name for path in folder.iterdir())[:n_clips]
    made, _ = preparation.prepare(dataset(folder, names, 87_000), folder, name=f"memory-{n_clips}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"clips": len(made), "peak_mib": peak}))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=96, help="clips of each kind for the speed")
    parser.add_argument("--sizes", type=int, nargs=2, default=(1_000, 20_000), help="corpora for the memory")
    parser.add_argument("--prepare", nargs=2, metavar=("FOLDER", "N"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.prepare:
        prepare_many(Path(arguments.prepare[0]), int(arguments.prepare[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MTLIB_HOME"] = str(folder / "home")
        speed(folder, arguments.clips)
        write_clips(folder / "many", max(arguments.sizes), 7.3, "16 kHz mono")
        peaks = []
        for n_clips in arguments.sizes:
            command = [sys.executable, __file__, "--prepare", str(folder / "many"), str(n_clips)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            peaks.append(json.loads(done.stdout)["peak_mib"])
            print(f"{n_clips:,} clips: peak memory {peaks[-1]:.0f} MiB", flush=True)
        print(
            f"memory: {peaks[1] / peaks[0]:.2f}x from {arguments.sizes[0]:,} to {arguments.sizes[1]:,} clips"
        )


if __name__ == "__main__":
    main()
