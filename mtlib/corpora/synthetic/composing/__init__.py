"""From latents to a score."""
