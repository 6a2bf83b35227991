"""A network in the reader's browser: what 'Tag your own music' loads, and the excerpt of the front page."""
