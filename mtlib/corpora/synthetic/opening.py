"""The corpus to work on: the synthetic one, made when it is first asked for, or a prepared one.

Notebooks call `open_source` with their settings and need not know which it is.
"""

from ...base import parallel
from ...base.errors import InputError
from ...base.profiles import Profile, Settings, named
from ..corpus import Corpus
from . import corpora


def open_source(
    settings: Settings | Profile | str = "quick",
    corpus: str = "synthetic",
    *,
    draw: int = 0,
    n_jobs: int = -1,
    scheduler: str = "",
) -> Corpus:
    """Open the corpus that a notebook's parameters name.

    Parameters
    ----------
    settings : Settings or Profile or str
        A notebook's settings, which name the corpus too, or a profile or its name.
    corpus : str
        ``synthetic`` is made for the profile, on all cores, unless it is there; another name is that of a
        corpus prepared on this machine. Ignored with a notebook's settings.
    draw : int
        Of the synthetic corpus; 0 is the corpus of the book.
    n_jobs, scheduler
        As in `mtlib.base.parallel.run`; a notebook's settings name the scheduler.

    Raises
    ------
    InputError
        If there is no such profile or corpus, or the corpus holds labels only.
    """
    if isinstance(settings, Settings):
        corpus, scheduler, settings = settings.corpus, settings.scheduler, settings.profile
    if corpus != "synthetic":
        if draw:
            raise InputError(f"only the synthetic corpus has a second draw, got corpus {corpus!r}")
        made = Corpus.open(corpus)
        made.check_audio()
        return made
    profile = _profile(settings)
    with parallel.progress("clip", f"synthetic-{profile.name}") as progress:
        return corpora.write_source(profile, draw=draw, n_jobs=n_jobs, scheduler=scheduler, progress=progress)


def open_target(
    name: str, profile: Settings | Profile | str = "quick", *, n_jobs: int = -1, scheduler: str = ""
) -> Corpus:
    """Open the synthetic corpus of a target task, made on all cores unless it is there.

    Parameters
    ----------
    name : str
        One of `mtlib.corpora.synthetic.targets.TARGETS`.
    profile, n_jobs, scheduler
        As in `open_source`.
    """
    if isinstance(profile, Settings):
        scheduler, profile = profile.scheduler, profile.profile
    profile = _profile(profile)
    with parallel.progress("clip", f"synthetic-{name}-{profile.name}") as progress:
        return corpora.write_target(name, profile, n_jobs=n_jobs, scheduler=scheduler, progress=progress)


def _profile(profile: Profile | str) -> Profile:
    return named(profile) if isinstance(profile, str) else profile
