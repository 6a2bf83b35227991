"""Bad input, told in one line.

Every function of mtlib checks its arguments first and raises `InputError` with what was wrong, the
value, and what to do: ``n_mels must be at least 1, got 0``. The command line prints that line and
exits with status 1; anything else that escapes is a bug of ours and keeps its traceback.
"""


class InputError(ValueError):
    """Something the caller gave (a value, a file, a name) cannot be used.

    Attributes
    ----------
    status : str
        One word or two to count by, where many files are read: ``truncated``, ``missing`` …
    """

    def __init__(self, message: str = "", status: str = "unusable"):
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.status)
