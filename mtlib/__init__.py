"""The shared module under the chapters of this book.

Names and axes, the same everywhere:

=============== ============================= =============================================
name            shape, dtype                  unit and convention
=============== ============================= =============================================
``samples``     (…, time) float32             audio in [−1, 1], mono unless said
``sample_rate`` int                           hertz; 12,000 unless said
``hop_length``  int                           samples between frames
``n_fft``       int                           samples of one DFT
``n_mels``      int                           mel bands
spectrograms    (batch, channel, freq, time)  float32; power, or decibels where named so
``logits``      (batch, tag) float32          before the sigmoid
``probs``       (batch, tag) float32          after it
sizes           ``n_…`` int                   counts
=============== ============================= =============================================

Rooms
    In this order: a file imports from its own room and from the rooms before it.

=============== ==========================================================
``base``        errors, paths, profiles, the author's files, many tasks
``signal``      sound: decoding, front ends, weightings
``evidence``    statistics, rules that judge, claims, recorded results
``corpora``     clips, decoded once; real datasets, composed music
``networks``    layers, structures, costs, weights read from files
``training``    one training, the store of runs, sweeps, features
``page``        what a page shows: charts, drawings, players, tables
``commands``    what ``python -m mtlib`` does
=============== ==========================================================
"""

import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # tqdm, whenever it meets a notebook
warnings.filterwarnings(
    "ignore", message="A worker stopped while some jobs"
)  # joblib, when a machine is busy
