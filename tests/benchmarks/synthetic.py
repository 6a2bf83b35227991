"""Sweep of the soundfont, and the cost of rendering.

python tests/benchmarks/synthetic.py sweep     # every program, kit and pitch → data/synthetic/soundfont.csv
"""

import sys
import time

import librosa
import numpy as np
import pandas as pd

from mtlib.base import paths
from mtlib.corpora.synthetic import recipes
from mtlib.corpora.synthetic.composing import composer
from mtlib.corpora.synthetic.population import latents
from mtlib.corpora.synthetic.rendering import player, production, render

SERVE = (
    "import sys; from mtlib.corpora.synthetic.rendering import player; "
    "player.serve(sys.stdin.buffer, sys.stdout.buffer, cpu_seconds=1.0)"
)
MELODIC, PERCUSSIVE = range(24, 91), range(27, 88)
"""Pitches swept: a piano's without the extremes, and the drums of General MIDI and its extensions."""
KITS = (0, 8, 16, 24, 25, 32, 40, 48)
"""Drum kits of the soundfont (bank 128)."""
RATE = 12_000
KRUMHANSL = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)
"""How well each pitch class fits a major and a minor key [Krumhansl1990]."""
SECONDS, LONG_SECONDS = 1.0, 32.0
"""Length of every note, and of one note in each octave: some instruments explode slowly."""


def state(play: player.Player, program: int, is_drum: bool, pitch: int, seconds: float = SECONDS) -> str:
    """Return "sounds", or what is wrong with a note."""
    try:
        sound = play.play(program, is_drum, pitch, seconds)
    except player.PlayerLost:
        return "hangs"
    peak = np.abs(sound).max()
    return "explodes" if not peak <= player.LOUDEST else "sounds" if peak > 1e-3 else "silent"


def sweep() -> None:
    """Play every note of every instrument, and write what happened."""
    play, rows = player.Player([sys.executable, "-c", SERVE]), []
    for is_drum, program in [(0, p) for p in range(128)] + [(1, kit) for kit in KITS]:
        pitches = PERCUSSIVE if is_drum else MELODIC
        states = pd.Series([state(play, program, bool(is_drum), p) for p in pitches], index=pitches)
        sounding = states.index[states == "sounds"]
        low, high = sounding.min(), sounding.max()
        gaps = [p for p in range(low, high) if states[p] != "sounds"]
        octaves = () if is_drum else range(40, 91, 12)
        held = [state(play, program, False, p, LONG_SECONDS) for p in octaves]
        problems = sorted({*states, *held} - {"sounds", "silent"})
        silent = int(np.sum(states == "silent"))
        if silent > len(states) / 5:
            problems.append(f"silent at {silent} of {len(states)} pitches")
        if problems:  # where it explodes changes from time to time
            low, high, gaps = "", "", []
        rows.append((is_drum, program, low, high, " ".join(map(str, gaps)), "; ".join(problems)))
        print(rows[-1], flush=True)
    columns = ["is_drum", "program", "low", "high", "gaps", "problem"]
    pd.DataFrame(rows, columns=columns).to_csv(paths.DATA / "synthetic" / "soundfont.csv", index=False)


def clips(n: int, first: int = 0, genre: str = "", seconds: float = 7.25) -> tuple[pd.DataFrame, list]:
    """Return latents and scores of clips, of one genre or as the corpus has them."""
    drawn = latents.draw(0, np.arange(first, first + n), weights={genre: 1.0} if genre else None)
    return drawn, composer.compose(drawn, 0, seconds)


def cost(n: int = 200) -> None:
    """Print what a clip of 7.25 s costs, first with an empty bank of notes."""

    def clock(name: str, work) -> list:
        cpu, wall = time.process_time(), time.perf_counter()
        results = work()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(f"{name:28s} {1000 * cpu / n:6.1f} ms of a core, {1000 * wall / n:6.1f} ms of time a clip")
        return results

    scores = clock("draw and compose", lambda: clips(n)[1])
    clock("render, notes unknown", lambda: [render.render([score]) for score in scores])
    clock("render, notes known", lambda: [render.render([score]) for score in scores])
    mixes = clock("    of that, parts", lambda: [render.mix(score, RATE) for score in scores])
    work = zip(mixes, scores, strict=True)
    clock("    of that, production", lambda: [production.produce(m, s.production, RATE) for m, s in work])


def found_tempo(clip: np.ndarray) -> float:
    """Return librosa's estimate of a clip's tempo in beats a minute, its prior as wide as the recipes."""
    onsets = librosa.onset.onset_strength(y=clip, sr=RATE, n_fft=1024, hop_length=128)
    return float(librosa.feature.tempo(onset_envelope=onsets, sr=RATE, hop_length=128, std_bpm=2.0)[0])


def found_key(clip: np.ndarray) -> int:
    """Return the best of 24 keys, 0 to 11 major from C, 12 to 23 minor, by the profiles of Krumhansl."""
    chroma = librosa.feature.chroma_cqt(y=clip, sr=RATE, fmin=65.4, n_octaves=5, tuning=0.0).mean(axis=1)
    keys = [np.roll(profile, key) for profile in KRUMHANSL for key in range(12)]
    return int(np.argmax([np.corrcoef(chroma, key)[0, 1] for key in keys]))


def listen(n: int = 5) -> None:
    """Print what is found in clips of 29 s of every genre, and the brightness of every era."""
    genres, rows = recipes.standard().genres, []
    for i, genre in enumerate(genres.index):
        drawn, scores = clips(n, 1000 * i, genre, 29.0)
        for (_, row), clip in zip(drawn.iterrows(), render.render(scores), strict=True):
            bpm, key = found_tempo(clip), int(row["key"]) + (0 if row["major"] else 12)
            near = {key, key // 12 * 12 + (key + 7) % 12, key // 12 * 12 + (key + 5) % 12,
                    (key + 9) % 12 + 12 if row["major"] else (key + 3) % 12}  # fmt: skip
            ratios = np.abs(bpm / row["bpm"] / np.array([1, 2, 0.5, 3, 1 / 3]) - 1) < 0.04
            found = found_key(clip)
            rows.append((genre, ratios[0], ratios.any(), found == key, found in near))
    columns = ["genre", "tempo", "tempo or multiple", "key", "near key"]
    table = pd.DataFrame(rows, columns=columns).groupby("genre", sort=False).mean()
    print(table.to_string())
    rhythmic = table[genres["rhythmic"].astype(bool)]
    print(f"tempo within 4 % in most clips: {(rhythmic['tempo'] > 0.5).mean():.0%} of rhythmic genres")
    print(f"tempo within 4 %: {rhythmic['tempo'].mean():.0%} of their clips")
    near = table["near key"].mean()
    print(f"key: {table['key'].mean():.0%} of clips; the key, its relative or a fifth away: {near:.0%}")
    drawn, scores = clips(300)
    centroids = [librosa.feature.spectral_centroid(y=clip, sr=RATE).mean() for clip in render.render(scores)]
    table = pd.DataFrame({"era": drawn["era"].to_numpy(), "centroid_hz": centroids})
    print(table.groupby("era", observed=True)["centroid_hz"].agg(["count", "mean", "sem"]).round().to_string())


def many(n: int = 10_000, start: int = 0, batch: int = 100) -> None:
    """Render many clips and print how many had to be changed, are no numbers, or reach full scale."""
    changed, wrong, loudest, begun = 0, 0, 0.0, time.perf_counter()
    for first in range(start, n, batch):
        changes: dict[int, list[str]] = {}
        audio = render.render(clips(batch, first)[1], changes=changes)
        changed, wrong = changed + len(changes), wrong + int((~np.isfinite(audio)).any(axis=1).sum())
        wrong += int((audio.std(axis=1) < 1e-3).sum())
        loudest = max(loudest, float(np.abs(audio).max()))
        seconds = time.perf_counter() - begun
        print(f"{first + batch} clips, {seconds:.0f} s: {changed} changed, {wrong} wrong, "
              f"peak {loudest:.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    name, *counts = sys.argv[1:]
    {"sweep": sweep, "cost": cost, "listen": listen, "many": many}[name](*map(int, counts))
