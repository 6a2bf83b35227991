"""What each of the fifty tags means on the synthetic music: a continuous salience from the latents.

A tag is true where its salience is above zero. Genres: the share of the clip's music that the tag's
genres made; instruments: presence and level in the mix; eras: strength of the production; moods: how far
valence, arousal and what goes with them lie past a threshold. Then the relations of [Choi2018, §3.2.1] hold
by construction: a sub-genre is at most as salient as what it belongs to, and synonyms share one truth.
"""

import numpy as np
import pandas as pd

from ....base.tags import CATEGORY, TAGS
from ..recipes import Recipes, standard
from .latents import shares

GENRE_THRESHOLD = 0.45
"""Share of a clip's music, weighted by affinity, above which a genre tag is true."""


def salience(latents: pd.DataFrame, recipes: Recipes | None = None) -> np.ndarray:
    """Return how salient each tag is in each clip.

    Parameters
    ----------
    latents : pd.DataFrame
        From `mtlib.corpora.synthetic.population.latents.draw`.
    recipes : Recipes, optional

    Returns
    -------
    np.ndarray [shape=(n, 50), dtype=float64]
        Columns in the order of `mtlib.base.tags.TAGS`; a tag is true where it is above zero.
    """
    recipes = recipes or standard()
    share = shares(latents, recipes)
    rules = _attributes(latents, recipes, share)
    genres = share @ recipes.affinity.T - GENRE_THRESHOLD
    found = np.stack([genres[:, i] if CATEGORY[tag] == "genre" else rules[tag] for i, tag in enumerate(TAGS)], axis=1)
    for _, tag, other in recipes.relations.query("kind == 'hierarchy'").itertuples(index=False):
        i, j = TAGS.index(tag), TAGS.index(other)
        found[:, j] = np.maximum(found[:, j], found[:, i])
    for _, tag, other in recipes.relations.query("kind == 'synonym'").itertuples(index=False):
        found[:, TAGS.index(tag)] = found[:, TAGS.index(other)]
    return found


def _all(*conditions: np.ndarray) -> np.ndarray:
    """Return the salience of what needs every condition: that of the least of them."""
    return np.minimum.reduce(conditions)


def _attributes(latents: pd.DataFrame, recipes: Recipes, share: np.ndarray) -> dict[str, np.ndarray]:
    column = {name: latents[name].to_numpy() for name in latents if latents[name].dtype.kind in "fib"}
    valence, arousal = column["valence"], column["arousal"]

    def made_by(*genres: str) -> np.ndarray:
        return share[:, [recipes.genres.index.get_loc(g) for g in genres]].sum(axis=1)

    def played(kind: str, part: str) -> np.ndarray:
        """Tell where an instrument of this kind plays the part."""
        codes = latents[part].cat.codes.to_numpy()
        return np.where(codes >= 0, recipes.instruments[kind].to_numpy()[codes], False).astype(bool)

    def loud(part: str, present: np.ndarray, least_db: float, absent: float = -1.0) -> np.ndarray:
        return np.where(present, (column[f"{part}_db"] - least_db) / 6, absent)

    voice = latents["voice"].to_numpy()
    unsung = voice == "none"
    era = {name: np.where(latents["era"] == name, column["era_strength"] - 0.4, -1.0) for name in recipes.eras.index}
    unplugged = np.mean([played("acoustic", part) for part in ("comping", "bass")], axis=0)
    synthetic = played("acoustic", "pad") < (latents["pad"].cat.codes >= 0)
    gentle = latents["drums"].isin(["none", "soft", "swing_brush", "bossa"]) | (column["drums_db"] < -3)
    lush = np.maximum(loud("pad", played("sustained", "pad"), -14), loud("lead", played("strings", "lead"), -10))
    danceable = made_by("dance", "house", "electro", "hip-hop", "funk", "pop", "rnb", "disco")
    sensual = made_by("rnb", "soul", "funk", "house", "electronica", "bossa nova")
    loungy = made_by("jazz", "soul", "pop", "folk", "country", "bossa nova", "classical", "rnb")
    return {
        "female vocalists": loud("voice", voice == "female", -5),
        "male vocalists": loud("voice", voice == "male", -5),
        "instrumental": np.where(unsung, 0.5 + column["lead_db"] / 20, -1.0),
        "guitar": np.maximum(
            loud("comping", played("guitar", "comping"), -4.5), loud("lead", played("guitar", "lead"), -3)
        ),
        "acoustic": _all(unplugged - 0.7 - 0.8 * synthetic, 0.5 - arousal, 0.5 * gentle - 0.2),
        "oldies": np.maximum(era["60s"] - 0.1, era["70s"] - 0.35),
        "happy": _all(valence - 0.4, arousal + 0.2),
        "sad": _all(-0.2 - valence, 0.2 - arousal),
        "Mellow": _all(-0.15 - arousal, valence + 0.5),
        "chill": _all(-0.05 - arousal, valence + 0.3, column["reverb_mix"] - 0.1),
        "beautiful": _all(0.1 - arousal, lush, valence + 0.6),
        "party": _all(arousal - 0.25, valence - 0.1, danceable - 0.4),
        "sexy": _all(sensual - 0.45, 0.45 - np.abs(arousal), 0.5 - np.abs(valence)),
        "catchy": _all(column["repetition"] - 0.6, valence - 0.1),
        "easy listening": _all(loungy - 0.45, -arousal, valence + 0.2),
        **{name: salience for name, salience in era.items() if name in TAGS},
    } | {tag: np.zeros(len(latents)) for tag in ("female vocalist", "chillout")}
