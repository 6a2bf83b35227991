"""The ground: paths, profiles, errors, the author's files, where a number comes from."""
