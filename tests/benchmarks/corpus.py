"""Preparing a corpus: speed against librosa, and memory as the corpus grows; prints ratios.

Run: ``python tests/benchmarks/corpus.py``. Speed, in processor time of one thread: the whole preparation
of 29-s MP3 clips (decoded, averaged, resampled, cut, rounded, checked; shards, manifest and report
written) against ``librosa.load(sr=12000)`` of the same files, in processes that take turns. Memory: the
peak of a process that prepares 1,000 clips, and of one that prepares 20,000; of 3 s each, so that the
disk is not filled and yet 1,000 of them need more than one shard. The bars: over the three kinds together
at least as fast as librosa; memory within 10 %.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import soundfile

from mtlib.corpora.datasets import preparation
from mtlib.corpora.datasets.scanning import Dataset, Scan, tag_table, text
from mtlib.signal import audio

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


def turn(side: str, folder: Path, n_clips: int) -> None:
    """Be one process of a side; print the processor time that each kind of clip takes."""
    seconds = {}
    for kind, source in ((kind, folder / kind.replace(" ", "_")) for kind in KINDS):
        names = sorted(path.name for path in source.iterdir())[:n_clips]
        if side == "librosa":
            import librosa

            librosa.load(source / names[0], sr=12_000)  # its first call compiles
        else:
            found = [dataset(source, names[:n], audio.N_SAMPLES[1366]) for n in (2, n_clips)]
            name = f"speed-{os.getpid()}-{kind.split()[0]}-{kind.split()[-1]}"
            preparation.prepare(found[0], source, name=f"first-{name}")
        start = time.process_time()
        if side == "librosa":
            for file in names:
                librosa.load(source / file, sr=12_000)
        else:
            made, _ = preparation.prepare(found[1], source, name=name)
            assert len(made) == n_clips
        seconds[kind] = time.process_time() - start
    print(json.dumps(seconds))


def speed(folder: Path, n_clips: int, n_rounds: int) -> None:
    """Let both sides take turns, each in a process of its own; print ratios."""
    for kind in KINDS:
        write_clips(folder / kind.replace(" ", "_"), n_clips, 29.2, kind)
    rows = {"librosa": [], "ours": []}
    for _ in range(n_rounds):
        for side in rows:
            rows[side].append(child("--turn", side, str(folder), str(n_clips)))
    ours, theirs = (pd.DataFrame(rows[side]) for side in ("ours", "librosa"))
    ratios = (theirs / ours).assign(together=theirs.sum(axis=1) / ours.sum(axis=1))
    for kind, found in ratios.items():
        print(f"{kind}: prepared at {found.median():.2f}x the pace of librosa.load "
              f"({found.min():.2f} to {found.max():.2f} in {n_rounds} rounds)", flush=True)  # fmt: skip


def child(*arguments: str) -> dict[str, float]:
    """Run this script in another process; return what it prints."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def prepare_many(folder: Path, n_clips: int) -> None:
    """Prepare clips of 3 s in this process and print its peak memory."""
    names = sorted(path.name for path in folder.iterdir())[:n_clips]
    made, _ = preparation.prepare(dataset(folder, names, 36_000), folder, name=f"memory-{n_clips}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"clips": len(made), "peak_mib": peak}))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=96, help="clips of each kind for the speed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs=2, default=(1_000, 20_000), help="corpora for the memory")
    parser.add_argument("--prepare", nargs=2, metavar=("FOLDER", "N"), help=argparse.SUPPRESS)
    parser.add_argument("--turn", nargs=3, metavar=("SIDE", "FOLDER", "N"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        turn(arguments.turn[0], Path(arguments.turn[1]), int(arguments.turn[2]))
        return
    if arguments.prepare:
        prepare_many(Path(arguments.prepare[0]), int(arguments.prepare[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MTLIB_HOME"] = str(folder / "home")
        speed(folder, arguments.clips, arguments.rounds)
        write_clips(folder / "many", max(arguments.sizes), 3.1, "16 kHz mono")
        peaks = []
        for n_clips in arguments.sizes:
            peaks.append(child("--prepare", str(folder / "many"), str(n_clips))["peak_mib"])
            print(f"{n_clips:,} clips: peak memory {peaks[-1]:.0f} MiB", flush=True)
        print(
            f"memory: {peaks[1] / peaks[0]:.2f}x from {arguments.sizes[0]:,} to {arguments.sizes[1]:,} clips"
        )


if __name__ == "__main__":
    main()
