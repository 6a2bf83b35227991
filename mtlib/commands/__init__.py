"""Commands about corpora, trainings and a reader's own music."""
