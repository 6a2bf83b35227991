"""Silence on file descriptor 2, where libraries in C write their remarks past Python."""

import contextlib
import os
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_users, _saved = 0, None


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere while any thread decodes.

    The MP3 decoder writes its remarks there from C, past Python's warnings. What other threads write
    meanwhile is lost too. It begins before a file is opened, which would get a closed descriptor 2.
    """
    global _users, _saved
    with _lock:
        if _users == 0:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                _saved = os.dup(2)
            except OSError:  # closed: from now on it is nowhere
                _saved = None
            if nowhere != 2:
                os.dup2(nowhere, 2)
                os.close(nowhere)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _saved is not None:
                os.dup2(_saved, 2)
                os.close(_saved)
                _saved = None
