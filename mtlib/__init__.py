"""Music tagging with convolutional networks, from audio to judged claims: what the notebooks share.

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

=============== ======================================================
``base``        paths, profiles, errors, files, the author's files
``signal``      decoding, spectrograms, weightings
``evidence``    statistics, rules that judge, claims, recorded results
``corpora``     corpora; two annexes: known datasets, composed music
``networks``    layers, structures, costs, weights read from files
``training``    clips, loop, run store, sweeps, features
``page``        charts, players, tables, the report of a network
``commands``    the command line
=============== ======================================================
"""

import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # tqdm, whenever it meets a notebook
warnings.filterwarnings("ignore", message="A worker stopped while some jobs")  # joblib, when a machine is busy
