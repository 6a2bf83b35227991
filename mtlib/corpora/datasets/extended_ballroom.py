"""Extended Ballroom: 4,180 excerpts of 30 s in thirteen dances (task T1 [Choi2018, Table 6.A]).

The index is an XML file with an MD5 of every excerpt and the songs that are the same or versions of
each other: these share a group, and two excerpts are the same file under two dances.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...base.errors import InputError
from .scanning import (
    Dataset,
    Scan,
    audio_files,
    check_is_list,
    count_unlabelled,
    locate,
    stratified_folds,
    tag_table,
    text,
)

INDEX = "extendedballroom_v1.1.xml"
CLASSES = (
    "Chacha", "Foxtrot", "Jive", "Pasodoble", "Rumba", "Salsa", "Samba", "Slowwaltz", "Tango",
    "Viennesewaltz", "Waltz", "Wcswing", "Quickstep",
)  # fmt: skip
"""In the order of the author's labels."""


def scan(root: Path) -> Scan:
    """Read the index and look for the excerpts.

    Parameters
    ----------
    root : Path
        Holds ``extendedballroom_v1.1.xml`` and the dances' folders, themselves or in one folder.
    """
    root = locate(Path(root), lambda f: (f / INDEX).is_file(), INDEX)
    try:
        data = (root / INDEX).read_bytes()
        check_is_list(INDEX, data[:1000].decode("latin-1"))
        tree = ElementTree.fromstring(data)
    except InputError:
        raise
    except (ElementTree.ParseError, ValueError, LookupError, OSError) as error:
        raise InputError(f"{INDEX}: not XML ({error}); get it again") from None
    notes: list[str] = []
    info: dict[str, Any] = {}
    files = audio_files(root, notes)
    present = {"/".join(path.split("/")[-2:]): path for path in files}
    songs = [(dance.tag, song) for dance in tree for song in dance.iter("song")]
    if unknown := sorted({dance for dance, _ in songs} - set(CLASSES)):
        raise InputError(f"{INDEX}: unknown dance {unknown[0]!r}; known: {', '.join(CLASSES)}")
    ids = [song.get("id", "") for _, song in songs]
    if "" in ids:
        raise InputError(f"{INDEX}: song {ids.index('') + 1} of {len(ids):,} has no id; get it again")
    group = {number: number for number in ids}

    def first(number: str) -> str:
        while group[number] != number:
            number = group[number]
        return number

    for number, (_, song) in zip(ids, songs, strict=True):
        for relation in song.iter():
            if (other := relation.get("id", "")) in group:
                a, b = sorted((first(number), first(other)))
                group[b] = a
    hashes = text(song.get("hash", "") for _, song in songs)
    by_hash: dict[str, str] = {}
    for number, md5 in zip(ids, hashes, strict=True):
        if md5 and (other := by_hash.setdefault(md5, number)) != number:
            a, b = sorted((first(number), first(other)))
            group[b] = a
    labels = np.array([CLASSES.index(dance) for dance, _ in songs], int)
    listed = [f"{dance}/{number}.mp3" for number, (dance, _) in zip(ids, songs, strict=True)]
    clips = pd.DataFrame(
        {
            "clip_id": text(ids),
            "path": text(present.get(path, "") for path in listed),
            "listed": text(listed),
            "split": "",
            "fold": stratified_folds(labels, CLASSES, info),
            "group": text(first(number) for number in ids),
            "file_seconds": np.nan,
            "same_audio": hashes,
        }
    )
    extra = count_unlabelled(files, clips["path"], notes, len(clips))
    return Scan(root, clips, labels, tag_table(CLASSES, "dance"), notes, info, unlabelled=extra)


DATASET = Dataset(
    name="extended_ballroom",
    title="Extended Ballroom",
    task="multiclass",
    scan=scan,
    n_clips=4_180,
    page="http://anasynth.ircam.fr/home/media/ExtendedBallroom/",
    commands=("run the download script of the page above: it gets each excerpt from ballroomdancers.com",),
    size="2 to 3 GB, 3.0 GB prepared",
    licence="audio: ballroomdancers.com's; the index and the script only are distributed",
    citation="Marchand and Peeters (2016), ISMIR late-breaking",
    faults="823 excerpts have versions in the set; 105714 (Foxtrot) and 105715 (Quickstep) are one file.",
    checksums={INDEX: "sha256:a28cdd10086f2872a6bf35dbb68935eed5c507d1ae008c74f0c99e47c8888d08"},
)
