"""Label vectors and first kernels of the networks of Won and others, beside the labels that taught them.

The thesis' questions of sections 2.3.5 and 7.3, asked of networks that other people trained on three
datasets (`mtlib.networks.later`).
"""

import numpy as np
import pandas as pd

from book.experiments.label_noise import label_sets
from book.experiments.understanding import label_vectors, receptive_fields
from mtlib.evidence import cooccurrence, correlation
from mtlib.networks import later

SETS = {"msd": "msd_lastfm", "mtat": "magnatagatune", "jamendo": "mtg_jamendo"}
"""What a network's name calls the label set that taught it."""

TOP = 0.05
"""Share of the pairs that counts as most similar: 61 of 1,225."""


def similarities() -> dict[str, np.ndarray]:
    """Return the cosines of the label vectors of each network, (tag, tag), in the order of its tags."""
    found = {}
    for name in later.NAMES:
        vectors = later.load(name)[1].output.weight.detach().numpy().T  # (feature, tag)
        found[name] = label_vectors.similarity(vectors)
    return found


def agreements(similar: dict[str, np.ndarray], rng: np.random.Generator, *, n_permutations: int = 2000) -> pd.DataFrame:
    """Compare label vectors with how often tags stand together in the labels that taught them.

    Returns
    -------
    DataFrame
        network, value (Spearman over the pairs), low, high, p, n (tags), shared (of the 20 strongest
        pairs), chance (of so many or more), above (share of pairs more similar than they co-occur),
        positive (share), n_negative, unlike (of the 20 most similar, those beyond rank 100 together),
        synonyms and n_synonyms (pairs of synonyms by rule among the most similar 5 %).
    """
    sets, rows = {name: label_sets.load(name) for name in SETS.values()}, []
    for name, matrix in similar.items():
        labels = sets[SETS[name.split("-")[1]]]
        order = [labels.tags.index(tag) for tag in later.TAGS[name.split("-")[1]]]
        together = label_vectors.symmetric(cooccurrence.normalised(labels.everything[:, order]))
        found = correlation.matrix_correlation(matrix, together, rng=rng, n_permutations=n_permutations)
        shared, chance = label_vectors.overlap(matrix, together, rng, n_permutations=n_permutations)
        cosines, shares = (m[np.triu_indices(len(m), 1)] for m in (matrix, together))
        ranks, tags = label_vectors.pair_ranks(matrix), [labels.tags[k] for k in order]
        pairs = label_sets.synonyms(labels)
        near = [
            ranks[tags.index(a), tags.index(b)] <= TOP * len(cosines)
            for a, b in zip(pairs.tag, pairs.beside, strict=True)
        ]
        rows.append({
            "network": name, "value": found.value, "low": found.low, "high": found.high, "p": found.p_value,
            "n": found.n, "shared": shared, "chance": chance, "above": (cosines > shares).mean(),
            "positive": (cosines > 0).mean(), "n_negative": int((cosines < 0).sum()),
            "unlike": len(label_vectors.surprising(matrix, together)),
            "synonyms": sum(near), "n_synonyms": len(near),
        })  # fmt: skip
    return pd.DataFrame(rows)


def first_kernels() -> dict[str, np.ndarray]:
    """Return the first layer's 3 by 3 kernels of the six FCN and CRNN networks, (kernel, 3, 3)."""
    names = [name for name in later.NAMES if not name.startswith("musicnn")]
    return {name: later.load(name)[1].stages[0].conv.weight.detach().numpy()[:, 0] for name in names}


def axis_counts() -> pd.DataFrame:
    """Count the kernels whose gradient lies along an axis: network, along, n, diagonal (share of energy)."""
    rows = []
    for name, kernels in first_kernels().items():
        along = receptive_fields.along_axis(receptive_fields.directions(kernels))
        diagonal = receptive_fields.energy_shares(kernels).mean(0)[receptive_fields.PATTERNS.index("diagonal")]
        rows.append((name, int(along.sum()), len(kernels), float(diagonal)))
    return pd.DataFrame(rows, columns=["network", "along", "n", "diagonal"])
