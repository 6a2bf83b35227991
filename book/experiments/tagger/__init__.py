"""A network in the reader's browser: what the page 'Tag your own music' loads."""
