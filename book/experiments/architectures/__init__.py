"""Chapter 4: four structures at equal size."""
