"""Target tasks of the same machinery: small corpora for transfer [Choi2018, §6.3].

Each stands for a task of the thesis and is no copy of its dataset: what differs between classes is decided
here and known. Classes alternate over the clips' numbers; ten folds, and splits of 6 : 2 : 2 made of them.
A task has a seed of its own, so none of its clips is in the source corpus.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .composing import composer, events
from .composing.score import Score
from .population import latents
from .population.draws import normal, uniform
from .recipes import load_dances, standard

Draw = Callable[["Target", np.ndarray, np.ndarray], pd.DataFrame]


@dataclass(frozen=True)
class Target:
    """A target task.

    Attributes
    ----------
    name, title : str
    thesis : str
        The task of the thesis that it stands for.
    classes : tuple of str
        Names of the classes, or of the columns of a regression.
    seed : int
    latents_of : callable
        (target, numbers of clips, their classes) → latents.
    compose : callable
        As `mtlib.corpora.synthetic.composing.composer.compose`.
    task : {"multiclass", "regression"}
    seconds : float
    sample_rate : int
    n_times : int
        Clips as a multiple of the profile's `n_target`.
    """

    name: str
    title: str
    thesis: str
    classes: tuple[str, ...]
    seed: int
    latents_of: Draw
    compose: Callable[..., list[Score]] = composer.compose
    task: str = "multiclass"
    seconds: float = 7.25
    sample_rate: int = 12_000
    n_times: int = 1

    def __call__(self, clips: np.ndarray) -> pd.DataFrame:
        """Return the latents of clips."""
        clips = np.asarray(clips, np.int64)
        return self.latents_of(self, clips, self.class_of(clips))

    def class_of(self, clips: np.ndarray) -> np.ndarray:
        """Return the class of clips, by number; 0 for a regression."""
        return clips % len(self.classes) if self.task == "multiclass" else np.zeros(len(clips), int)

    def fold_of(self, clips: np.ndarray) -> np.ndarray:
        """Return the fold of clips, 0 to 9: classes are equally frequent in each."""
        n_classes = len(self.classes) if self.task == "multiclass" else 1
        return clips // n_classes % 10

    def labels(self, drawn: pd.DataFrame) -> np.ndarray:
        """Return class indices, or what annotators would say: the latents and a little noise."""
        clips = drawn.index.to_numpy()
        if self.task == "multiclass":
            return self.class_of(clips)
        noise = 0.1 * normal(self.seed, "annotation", clips, len(self.classes))
        return (drawn[list(self.classes)].to_numpy() + noise).astype(np.float32)


def _with_names(drawn: pd.DataFrame, column: str, names: np.ndarray) -> pd.DataFrame:
    """Set a categorical column by name."""
    drawn[column] = pd.Categorical(names, categories=drawn[column].cat.categories)
    return drawn


def _genres(target: Target, clips: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    recipes = standard()
    codes = recipes.genres.index.get_indexer(list(target.classes))
    weights = dict.fromkeys(target.classes, 1.0)
    return latents.draw(target.seed, clips, recipes, weights, genre=codes[classes])


def _rhythms(target: Target, clips: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    """Draw music of any genre to the drums and about the tempo of a dance."""
    rows = load_dances().loc[np.array(target.classes)[classes]]
    drawn = _with_names(latents.draw(target.seed, clips), "drums", rows["drums"].to_numpy())
    drawn["bpm"] = np.clip(rows["bpm"].to_numpy() * np.exp(0.1 * normal(target.seed, "dance", clips)), 56, 196)
    drawn["swing"] = rows["swing"].to_numpy()
    drawn["drums_db"] = drawn["drums_db"] + 1
    forms = np.where(uniform(target.seed, "form", clips) < 0.5, "steady", "fills")
    return _with_names(drawn, "form", forms)


def _vocal(target: Target, clips: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    drawn = latents.draw(target.seed, clips)
    singer = np.where(uniform(target.seed, "singer", clips) < 0.5, "female", "male")
    drawn = _with_names(drawn, "voice", np.where(classes == 0, "none", singer))
    manner = np.where(drawn["manner"].isna(), "sung", drawn["manner"].astype(object))
    return _with_names(drawn, "manner", np.where(classes == 0, np.array(None, object), manner))


def _speech(target: Target, clips: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    drawn = latents.draw(target.seed, clips)
    talks = classes == 0
    speaker = np.where(uniform(target.seed, "speaker", clips) < 0.5, "female", "male")
    drawn = _with_names(drawn, "voice", np.where(talks, speaker, drawn["voice"].astype(object)))
    drawn = _with_names(drawn, "manner", np.where(talks, "spoken", drawn["manner"].astype(object)))
    return _with_names(drawn, "form", np.where(talks, "steady", drawn["form"].astype(object)))


def _talk_or_music(drawn: pd.DataFrame, seed: int, seconds: float) -> list[Score]:
    """Compose; speech keeps its voice, and in a quarter of the clips soft music under it."""
    bed = uniform(seed, "bed", drawn.index.to_numpy()) < 0.25
    scores = composer.compose(drawn, seed, seconds)
    spoken = (drawn["manner"] == "spoken").to_numpy()
    return [events.speech(score, bed=bool(b)) if s else score for score, s, b in zip(scores, spoken, bed, strict=True)]


def _moods(target: Target, clips: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    return latents.draw(target.seed, clips)


def _events(target: Target, clips: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    return latents.draw(target.seed, clips).assign(event=np.array(target.classes)[classes])


TARGETS = {
    target.name: target
    for target in (
        Target("rhythm", "rhythm patterns", "T1, ballroom dance genre", (
            "cha-cha", "jive", "rumba", "samba", "tango", "waltz", "march", "reggae"), 2101, _rhythms),
        Target("genre", "genres, half of them not in the source", "T2, music genre", (
            "reggae", "disco", "bossa nova", "classical", "tango", "jazz", "blues", "country", "heavy metal",
            "hip-hop"), 2102, _genres),
        Target("speech", "speech-like / music", "T3, speech / music", ("speech", "music"), 2103, _speech,
               _talk_or_music),
        Target("emotion", "arousal and valence", "T4, arousal and valence", ("arousal", "valence"), 2104,
               _moods, task="regression"),
        Target("vocal", "vocal / non-vocal", "T5, vocal / non-vocal", ("non-vocal", "vocal"), 2105, _vocal),
        Target("events", "sound events", "T6, audio event", tuple(events.EVENTS), 2106, _events,
               events.compose, seconds=4.0),
        Target("ballad", "ballad, dance and hip-hop", "§7.2, three genres", ("ballad", "dance", "hip-hop"),
               2107, _genres, seconds=4.0, sample_rate=11_025, n_times=3),
    )
}  # fmt: skip
"""The target tasks by name."""
