"""Bad input, told in one line.

Every function of mtlib checks its arguments first and raises `InputError` with what was wrong, the
value, and what to do: ``n_mels must be at least 1, got 0``. The command line prints that line and
exits with status 1, as it does when the system refuses something (`refused`); anything else that escapes
is a bug of ours and keeps its traceback.
"""

from collections.abc import Iterable
from numbers import Integral


class InputError(ValueError):
    """Something the caller gave (a value, a file, a name) cannot be used.

    Attributes
    ----------
    status : str
        One word or two to count by, where many files are read: ``truncated``, ``missing`` …
    """

    def __init__(self, message: str = "", status: str = "unusable"):
        super().__init__(" ".join(message.splitlines()))
        self.status = status

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: the line alone."""
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.status)


def refused(error: OSError) -> str:
    """Return in one line which file or folder the system refused, why, and what to do."""
    path = error.filename2 or error.filename
    if path is None:  # raised by a library, in its own words
        return " ".join((error.strerror or str(error)).split()) or type(error).__name__
    return f"{path!r}: {error.strerror}; check the path, its owner and rights, or choose another place"


def at_least(minimum: int, **sizes: int) -> None:
    """Refuse sizes that are no whole number, or below a minimum; ``at_least(1, n_mels=n_mels)``."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise InputError(f"{name} must be a whole number, got {value!r}")
        if value < minimum:
            raise InputError(f"{name} must be at least {minimum}, got {value}")


def one_of(choices: Iterable[str], **names: str) -> None:
    """Refuse names that are not among the choices; ``one_of(("mel", "stft"), kind=kind)``."""
    for name, value in names.items():
        if value not in choices:
            raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
