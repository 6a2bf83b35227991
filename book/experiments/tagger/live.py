"""An excerpt that plays on the front page, and what the released CRNN says of it meanwhile, read in two ways.

The network takes 29 s. What it says at a moment is what it says of the 29 s before; a shorter beginning is
repeated until it fills them, as `tagging` does with a short file.
"""

import html
import json

import numpy as np

from mtlib.base.errors import InputError
from mtlib.networks import tagging
from mtlib.signal import audio

from . import export

CLIP = "Karissa_Hobbs_-_Lets_Go_Fishin.ogg"
READINGS = {"crnn": "as published", "crnn_trained": "as trained"}
SECONDS, EVERY = 36, 3
N_TOP = 5


def tags_heard(samples: np.ndarray, tagger: tagging.Tagger, moments: list[int]) -> np.ndarray:
    """Return what a network says of the audio before each moment.

    Parameters
    ----------
    samples : ndarray (time,)
        Mono audio at the tagger's sample rate.
    tagger : Tagger
    moments : list of int
        Seconds, above 0.

    Returns
    -------
    probs : ndarray (moment, tag) float32
    """
    ends = [moment * tagger.sample_rate for moment in moments]
    parts = [samples[max(0, end - tagger.n_samples) : end] for end in ends]
    return np.concatenate([tagging.tag_samples(part, tagger) for part in parts])


def card() -> tuple[str, dict[str, str]]:
    """Return the HTML of the excerpt, and the strongest tag at its end for each of `READINGS`.

    Without the files at hand the HTML says what is missing, and the tags are dashes.
    """
    try:
        script, clip = next(item for item in export.clips().items() if item[1].path.name == CLIP)
        taggers = {label: tagging.load_model(name) for name, label in READINGS.items()}
    except (StopIteration, InputError):
        missing = "<p class='mt-missing'>This example needs the author's files: <code>python -m mtlib fetch</code></p>"
        return missing, dict.fromkeys(READINGS.values(), "–")
    moments = [*range(EVERY, SECONDS + 1, EVERY)]
    samples = audio.load(clip.path, seconds=SECONDS)
    probs = {label: tags_heard(samples, tagger, moments) for label, tagger in taggers.items()}
    names = next(iter(taggers.values())).tags
    highest = np.max([said[-1] for said in probs.values()], axis=0)
    shown = sorted(
        {int(i) for said in probs.values() for i in np.argsort(-said[-1])[:N_TOP]}, key=lambda i: -highest[i]
    )
    values = {
        "clip": script, "title": clip.what, "licence": clip.licence, "source": clip.url, "every": EVERY,
        "tags": [names[i] for i in shown],
        "probs": {label: said[:, shown].astype(float).round(3).tolist() for label, said in probs.items()},
    }  # fmt: skip
    strongest = {label: names[int(said[-1].argmax())] for label, said in probs.items()}
    said = "; ".join(f"{label}: {tag}" for label, tag in strongest.items())
    return (
        f"<div class='mt-live' data-folder='../media/tagger/' data-live=\"{html.escape(json.dumps(values))}\">"
        f"<p>{html.escape(clip.what)}. After {SECONDS} s, {html.escape(said)}.</p></div>"
        "<script src='../_static/tagger/live.js'></script>"
    ), strongest
