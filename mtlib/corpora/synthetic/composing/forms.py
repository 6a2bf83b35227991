"""Form: what happens over the clip, so that order in time means something.

A form is a plan: for every bar, how loud each part plays (0: not at all), and whether the bar ends with a
fill. A clip is an excerpt, so a form unfolds over it whatever its length.
"""

from dataclasses import dataclass

import numpy as np

PLAYERS = ("drums", "bass", "comping", "lead", "pad", "voice")


@dataclass(frozen=True, eq=False)
class Plan:
    """What each bar does.

    Attributes
    ----------
    gain : dict of str to np.ndarray [shape=(n_bars,)]
        Factor on the velocities of each of `PLAYERS`; 0 is silence.
    fill : np.ndarray [shape=(n_bars,), dtype=bool]
        The bar's last beat is a drum fill.
    accent : np.ndarray [shape=(n_bars,), dtype=bool]
        The bar begins with a crash.
    section : np.ndarray [shape=(n_bars,), dtype=int64]
        Number of the section: another one has other harmony and other figures.
    """

    gain: dict[str, np.ndarray]
    fill: np.ndarray
    accent: np.ndarray
    section: np.ndarray


def plan(form: str, centres: np.ndarray, drums: bool) -> Plan:
    """Lay a form over the bars of a clip.

    Parameters
    ----------
    form : str
        One of `mtlib.corpora.synthetic.recipes.FORMS`.
    centres : np.ndarray [shape=(n_bars,)]
        Where each bar's centre lies in the clip, 0 to 1.
    drums : bool
        Whether there are any; a break without drums would be silence.
    """
    n_bars = len(centres)
    gain = {player: np.ones(n_bars) for player in PLAYERS}
    fill, accent = np.zeros(n_bars, bool), np.zeros(n_bars, bool)
    section = np.zeros(n_bars, int)
    early, late = centres < 0.4, centres >= 0.65
    middle = ~early & ~late
    if form == "fills":
        fill[1::2] = True
        accent[2::2] = True
    elif form == "solo":
        gain["lead"] = np.where(centres < 0.3, 0.6, 1.15)
        gain["comping"] = np.where(centres < 0.3, 1.0, 0.8)
        gain["voice"] = np.where(centres < 0.6, 1.0, 0.0)
    elif form == "build":
        gain["bass"] = np.where(early, 0.0, 1.0)
        gain["drums"] = np.where(early, 0.0, np.where(middle, 0.6, 1.1))
        gain["lead"] = np.where(late, 1.1, 0.0)
        last = np.flatnonzero(~late)
        fill[last[-1:]] = True
        accent[last[-1:] + 1 if len(last) and last[-1] + 1 < n_bars else []] = True
    elif form == "drop":
        gain["drums"] = gain["bass"] = np.where(middle, 0.0, 1.05)
        gain["pad"] = np.where(middle, 1.2, 1.0)
        accent[np.flatnonzero(late)[:1]] = True
    elif form == "break" and drums:
        for player in ("comping", "lead", "pad"):
            gain[player] = np.where(middle, 0.0, 1.0)
        gain["drums"] = np.where(middle, 1.15, 1.0)
    elif form == "intro":
        for player in ("drums", "bass", "lead", "voice"):
            gain[player] = np.where(centres < 0.3, 0.0, 1.0)
    elif form == "quiet_loud":
        quiet = centres < 0.5
        for player in ("drums", "comping", "bass"):
            gain[player] = np.where(quiet, 0.55, 1.15)
        accent[np.flatnonzero(~quiet)[:1]] = True
    elif form == "sections":
        section = np.digitize(centres, [0.34, 0.67])
        accent[1:] = np.diff(section) > 0
    elif form == "loop":
        gain["drums"] = np.where(np.arange(n_bars) % 4 == 3, 0.0, 1.0)
    return Plan(gain, fill, accent, section)
