"""Which clips there are: latents, tags, labels."""
