"""mtlib: the shared module under the chapters of this book.

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

Files import downwards only; the floors are listed in README.md.
"""

import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # tqdm, whenever it meets a notebook
warnings.filterwarnings(
    "ignore", message="A worker stopped while some jobs"
)  # joblib, when a machine is busy
