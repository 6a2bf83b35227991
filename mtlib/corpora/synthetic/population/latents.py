"""What is drawn before a clip is composed: genre, partner, era, moods, instruments, levels.

Everything a tag can mean is decided here, as numbers, so that the labels follow without any audio and a
population of a quarter of a million clips takes seconds. The composer turns a row into a score.

Conventions
    A *hybrid* takes some of its parts from a partner genre, and any part may come from a third one, so
    a genre is a matter of degree: `shares` tells how much of a clip's music comes from each. Valence and
    arousal run from about −1 to 1 and drive mode, tempo, register, brightness and density together.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from ....base.errors import InputError
from ..composing.score import ERAS, MANNERS
from ..recipes import FORMS, Recipes, standard
from .draws import choice, normal, uniform

PARTS = {"drums": 0.25, "comping": 0.25, "bass": 0.15, "groove": 0.15, "lead": 0.1, "harmony": 0.1}
"""What a genre consists of, and its share in the clip's genre; groove is tempo, swing and form."""

VOICES = ("none", "female", "male")

KITS_OF_AN_ERA = (0, 8, 16, 24)
"""Drum kits that follow the decade; others belong to their genre."""


def draw(
    seed: int,
    clips: np.ndarray,
    recipes: Recipes | None = None,
    weights: Mapping[str, float] | None = None,
    genre: np.ndarray | None = None,
) -> pd.DataFrame:
    """Draw the latents of clips.

    Parameters
    ----------
    seed : int
        Of the corpus.
    clips : array_like of int [shape=(n,)]
        Numbers of the clips; a clip's latents do not depend on the others.
    recipes : Recipes, optional
        The repository's by default.
    weights : mapping of str to float, optional
        Weights of genres; the recipes' priors by default.
    genre : np.ndarray [shape=(n,), dtype=int64], optional
        Positions of the clips' genres in the recipes, instead of drawing them.

    Returns
    -------
    pd.DataFrame
        One row a clip, indexed by its number. Names are categorical, levels in decibels, bpm in beats a
        minute; `source_*` is the genre that each part comes from.

    Raises
    ------
    InputError
        If a genre is unknown or no weight is above zero.
    """
    recipes = recipes or standard()
    clips = np.asarray(clips, np.int64)
    names, table = recipes.genres.index, recipes.genres
    prior = _weights(table, weights)

    def u(stream: str, n_columns: int | None = None) -> np.ndarray:
        return uniform(seed, stream, clips, n_columns)

    def z(stream: str) -> np.ndarray:
        return normal(seed, stream, clips)

    if genre is None:
        genre = choice(u("genre"), prior)
    partner = choice(u("partner"), _partners(recipes, prior)[genre])
    hybrid = u("hybrid") < 0.3
    strange = choice(u("strange"), prior)
    mixture = np.where(hybrid, 0.2 + 0.4 * u("mixture"), 0.0)
    number = u("sources", len(PARTS))
    sources = {
        part: np.where(number[:, i] < mixture, partner, np.where(number[:, i] > 0.95, strange, genre))
        for i, part in enumerate(PARTS)
    }
    rows = {"genre": _named(genre, names), "partner": _named(np.where(hybrid, partner, -1), names)}
    rows |= {f"source_{part}": _named(source, names) for part, source in sources.items()}

    def field(name: str, part: str = "") -> np.ndarray:
        return table[name].to_numpy()[sources[part] if part else genre]

    era = choice(u("era"), table[[e if e == "modern" else f"e{e[:2]}" for e in ERAS]].to_numpy()[genre])
    strength = u("era strength") ** 0.6
    rows |= {"era": _named(era, ERAS), "era_strength": strength}
    valence = np.clip(field("valence") + 0.4 * z("valence"), -1.2, 1.2)
    arousal = np.clip(field("arousal") + 0.3 * z("arousal"), -1.2, 1.2)
    rows |= {"valence": valence, "arousal": arousal}
    pace = 1 + 0.1 * (arousal - field("arousal")) + 0.06 * (valence - field("valence"))
    rows["bpm"] = np.clip((field("bpm", "groove") + field("bpm_sd", "groove") * z("bpm")) * pace, 56, 196)
    rows["swing"] = np.clip(field("swing", "groove") + 0.05 * z("swing"), 0, 1)
    rows["key"] = np.minimum((12 * u("key")).astype(int), 11)
    major = u("mode") < 1 / (1 + np.exp(-4 * valence))
    rows |= _harmony(recipes, sources["harmony"], major, u("progression"))

    def pick(name: str, part: str, categories: pd.Index | tuple) -> pd.Categorical:
        options = table[name]
        position = (u(name) * options.str.len().to_numpy()[sources[part]]).astype(int)
        width = options.str.len().max()
        codes = np.array([[categories.index(o) for o in row] + [-1] * (width - len(row)) for row in options])
        return _named(codes[sources[part], position], categories)

    instruments = tuple(recipes.instruments.index)
    rows |= {
        "drums": pick("drums", "drums", tuple(recipes.drums)),
        "bass": pick("bass", "bass", instruments),
        "bass_style": pick("bass_style", "bass", tuple(recipes.bass)),
        "comping": pick("comping", "comping", instruments),
        "comping_style": pick("comping_style", "comping", tuple(recipes.comping)),
        "form": pick("forms", "groove", FORMS),
    }
    follows = np.isin(field("kit", "drums"), KITS_OF_AN_ERA) & (u("kit") < 0.8 * strength)
    rows["kit"] = np.where(follows, recipes.eras["kit"].to_numpy().astype(int)[era], field("kit", "drums"))
    pad = np.array([instruments.index(p) for p in table["pad"]])[genre]
    era_pad = np.array([instruments.index(p) for p in recipes.eras["pad"]])[era]
    pad = np.where(u("era pad") < 0.6 * strength, era_pad, pad)
    rows["pad"] = _named(np.where(u("pad") < field("pad_probability"), pad, -1), instruments)
    voice = choice(u("voice"), table[["instrumental", "female", "male"]].to_numpy()[genre])
    manners = np.array([MANNERS.index(m) for m in table["manner"]])[genre]
    rows |= {"voice": _named(voice, VOICES), "manner": _named(np.where(voice > 0, manners, -1), MANNERS)}
    density = field("lead_density", "lead")
    leads = u("has lead") < np.where(voice > 0, 0.2 + 0.5 * density, 0.5 + 0.7 * density)
    lead = pick("lead", "lead", instruments)
    rows["lead"] = _named(np.where(leads, lead.codes, -1), instruments)
    rows["lead_density"] = np.clip(density + 0.1 * z("lead density") + 0.15 * arousal, 0.05, 1)
    rows["repetition"] = np.clip(field("repetition", "groove") + 0.2 * z("repetition"), 0, 1)
    rows["articulation"] = np.clip(0.7 - 0.35 * arousal + 0.12 * z("articulation"), 0.25, 1)
    for part, mean, spread in (("drums", -2, 2), ("bass", -4, 2), ("comping", -4, 3), ("lead", -3, 3),
                               ("pad", -8, 3), ("voice", -2, 3)):  # fmt: skip
        rows[f"{part}_db"] = np.clip(mean + spread * z(f"{part} level"), -18, 5)
    rows |= _room(recipes, era, strength, valence, arousal, z, u)
    return pd.DataFrame(rows, index=pd.Index(clips, name="clip"))


def _harmony(recipes: Recipes, source: np.ndarray, major: np.ndarray, number: np.ndarray) -> dict:
    """Draw mode and progression; a genre without progressions in a mode takes the other mode."""
    table = recipes.progressions
    family = np.array([table["family"].isin(families) for families in recipes.genres["progressions"]])
    modes = np.stack([family & (table["mode"] == m).to_numpy() for m in ("minor", "major")])
    major = np.where(modes[major.astype(int), source].any(axis=1), major, ~major)
    progression = choice(number, modes[major.astype(int), source].astype(float))
    return {"major": major, "progression": progression}


def _room(recipes: Recipes, era: np.ndarray, strength: np.ndarray, valence: np.ndarray, arousal: np.ndarray,
          z: Callable[..., np.ndarray], u: Callable[..., np.ndarray]) -> dict[str, np.ndarray]:  # fmt: skip
    """Draw what recording and mixing will do; the era's production comes in as far as it is strong."""
    names = ("tilt_db", "reverb_mix", "reverb_seconds")
    of_era = {name: recipes.eras[name].to_numpy()[era] for name in names}
    return {
        "tilt_db": 0.8 * strength * of_era["tilt_db"] + 0.5 * valence + 0.5 * arousal + 1.5 * z("tilt"),
        "reverb_mix": np.clip(
            0.05 + 0.9 * strength * of_era["reverb_mix"] - 0.12 * arousal + 0.08 * z("reverb"), 0, 0.7
        ),
        "reverb_seconds": np.clip(
            (0.7 + strength * (of_era["reverb_seconds"] - 0.7)) * np.exp(0.25 * z("room")), 0.2, 4
        ),
        "level_db": -20 + arousal + 3 * z("level"),
        "noise_db": np.minimum(-44 + 13 * z("noise"), -14),
        "band": u("band"),
        "offset": u("offset"),
    }


def shares(latents: pd.DataFrame, recipes: Recipes | None = None) -> np.ndarray:
    """Return how much of each clip comes from each genre.

    Returns
    -------
    np.ndarray [shape=(n, n_genres), dtype=float64]
        Rows sum to 1.
    """
    recipes = recipes or standard()
    found = np.zeros((len(latents), len(recipes.genres)))
    for part, share in PARTS.items():
        found[np.arange(len(latents)), latents[f"source_{part}"].cat.codes] += share
    return found


def _named(codes: np.ndarray, names: Iterable[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(np.asarray(codes), list(names))


def _weights(table: pd.DataFrame, weights: Mapping[str, float] | None) -> np.ndarray:
    if weights is None:
        return table["prior"].to_numpy()
    if unknown := sorted(set(weights) - set(table.index)):
        raise InputError(f"unknown genre {unknown[0]!r}; the recipes have {', '.join(table.index)}")
    found = np.array([float(weights.get(genre, 0)) for genre in table.index])
    if found.min() < 0 or found.sum() <= 0:
        raise InputError(f"weights of genres must be at least 0 and not all 0, got {dict(weights)}")
    return found


def _partners(recipes: Recipes, prior: np.ndarray) -> np.ndarray:
    """Return weights of partners for each genre: those that share tags are likelier."""
    length = np.linalg.norm(recipes.affinity, axis=0)
    likeness = recipes.affinity.T @ recipes.affinity / np.maximum(np.outer(length, length), 1e-9)
    weights = prior * (0.15 + likeness)
    if (prior > 0).sum() > 1:
        np.fill_diagonal(weights, 0)
    return weights
