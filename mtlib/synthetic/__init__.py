"""The synthetic corpus: music whose truth is known (composed, rendered, produced and labelled by rule)."""
