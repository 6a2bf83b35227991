"""Sweep of the soundfont, and the cost of rendering.

python benchmarks/synthetic.py sweep     # every program, kit and pitch → data/synthetic/soundfont.csv
"""

import sys

import numpy as np
import pandas as pd

from mtlib import paths
from mtlib.synthetic import player

SERVE = (
    "import sys; from mtlib.synthetic import player; "
    "player.serve(sys.stdin.buffer, sys.stdout.buffer, cpu_seconds=1.0)"
)
MELODIC, PERCUSSIVE = range(24, 91), range(27, 88)
"""Pitches swept: a piano's without the extremes, and the drums of General MIDI and its extensions."""
KITS = (0, 8, 16, 24, 25, 32, 40, 48)
"""Drum kits of the soundfont (bank 128)."""
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


if __name__ == "__main__":
    {"sweep": sweep}[sys.argv[1]]()
