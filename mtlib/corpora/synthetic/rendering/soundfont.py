"""The soundfont that comes with pretty_midi, rewritten so that the synthesiser plays it in tune.

In a SoundFont 2 file a *zone* of an instrument names a sample and may override the pitch that the sample was
recorded at (its root key). symusic reads the sample's own root key only, and TimGM6mb overrides it in
1,771 zones: pianos sound 8 to 27 semitones too high, and differently from zone to zone. `tuned` writes a
copy in which every zone refers to a sample header with the root key that it asked for; no sample is
touched.
"""

import functools
import hashlib
import importlib.metadata
import struct
from pathlib import Path

import numpy as np

from ....base import files, paths

_BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_GENERATOR = np.dtype([("kind", "<u2"), ("amount", "<i2")])
_INSTRUMENT = np.dtype([("name", "V20"), ("bag", "<u2")])
_SAMPLE = np.dtype([("before", "V40"), ("root", "u1"), ("after", "V5")])
_SAMPLE_ID, _ROOT = 53, 58
"""Generators of a zone: the sample it plays, the root key instead of the sample's."""


@functools.cache
def tuned() -> Path:
    """Return the rewritten soundfont, a file under ``MTLIB_HOME``, made if it is not there."""
    package = importlib.metadata.distribution("pretty_midi")  # for its file: the import takes a second
    content = retuned(Path(str(package.locate_file("pretty_midi/TimGM6mb.sf2"))).read_bytes())
    target = paths.home() / "soundfonts" / f"tuned-{hashlib.sha256(content).hexdigest()[:16]}.sf2"
    if not target.is_file() or target.read_bytes() != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic(target) as file:
            file.write(content)
    return target


def retuned(source: bytes) -> bytes:
    """Return a SoundFont 2 file in which no zone needs to override a root key.

    Parameters
    ----------
    source : bytes
        A whole file: RIFF, whose last list (``pdta``) holds the tables of presets, instruments and samples.
    """
    start = source.rindex(b"LIST", 0, source.index(b"pdta"))
    tables, at = {}, start + 12
    while at < len(source):
        name, size = source[at : at + 4], struct.unpack_from("<I", source, at + 4)[0]
        tables[name], at = source[at + 8 : at + 8 + size], at + 8 + size
    bags = np.frombuffer(tables[b"ibag"], _BAG)["generator"]
    firsts = set(np.frombuffer(tables[b"inst"], _INSTRUMENT)["bag"].tolist())
    generators = np.frombuffer(tables[b"igen"], _GENERATOR).copy()
    samples = np.frombuffer(tables[b"shdr"], _SAMPLE)
    headers, known, common = list(samples[:-1]), {}, -1
    for zone in range(len(bags) - 1):
        own = generators[bags[zone] : bags[zone + 1]]
        roots, played = own["amount"][own["kind"] == _ROOT], np.flatnonzero(own["kind"] == _SAMPLE_ID)
        if zone in firsts:
            common = -1
        root = int(roots[-1]) if len(roots) else common
        if not len(played):
            common = root  # an instrument's first zone without a sample holds for all its zones
            continue
        sample = int(own["amount"][played[0]])
        if root < 0 or root == samples["root"][sample]:
            continue
        if (sample, root) not in known:
            known[sample, root] = len(headers)
            headers.append(samples[sample].copy())
            headers[-1]["root"] = root
        own["amount"][played[0]] = known[sample, root]
    tables[b"igen"] = generators.tobytes()
    tables[b"shdr"] = np.array([*headers, samples[-1]], _SAMPLE).tobytes()
    body = b"".join(name + struct.pack("<I", len(table)) + table for name, table in tables.items())
    listed = b"LIST" + struct.pack("<I", 4 + len(body)) + b"pdta" + body
    return source[:4] + struct.pack("<I", start + len(listed) - 8) + source[8:start] + listed
