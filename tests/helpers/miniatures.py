"""Small trees in the shape of the unpacked official archives, with real encodings.

Every sound is a tone whose pitch tells which file it is; stereo files hold (y, 0.5 y), so that their mean
is 0.75 y. A maker writes a tree and returns what the loader must find: for each kept clip its pitch in
hertz and its level, relative to the tone.
"""

import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from mtlib.base import paths
from mtlib.base.tags import TAGS

AMPLITUDE = 0.3


@dataclass
class Tree:
    """What was written: the folder; pitch, level, split and group of every clip that must be kept."""

    root: Path
    pitches: dict[str, float] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)


def tone(pitch, seconds, sample_rate, n_channels=1):
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    y = AMPLITUDE * np.sin(2 * np.pi * pitch * time)
    return (y if n_channels == 1 else np.stack([y, 0.5 * y], 1)).astype(np.float32)


def sound(path, pitch, seconds, sample_rate=16_000, n_channels=1, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".mp3": "MP3", ".wav": "WAV", ".au": "AU", ".ogg": "OGG"}[path.suffix.lower()]
    options = {"format": kind, **options}
    samples = tone(pitch, seconds, sample_rate, n_channels)
    with soundfile.SoundFile(path, "w", sample_rate, n_channels, **options) as file:
        file.write(samples)
    return path


def cbr(path, pitch, seconds):
    """As in MagnaTagATune: 16 kHz, mono, 32 kbit/s, without a count of frames."""
    return sound(path, pitch, seconds, bitrate_mode="CONSTANT", compression_level=0.85)


def add(tree, clip, pitch, split="", level=1.0, group=""):
    tree.pitches[clip], tree.levels[clip] = pitch, level
    tree.splits[clip], tree.groups[clip] = split, group or clip


def quoted(path, rows, end="\r\n"):
    text = io.StringIO()
    csv.writer(text, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator=end).writerows(rows)
    path.write_bytes(text.getvalue().encode())


MTAT_CLIPS = (  # clip_id, path, tags
    ("2", "f/anne-album-01-song-30-59.mp3", ("classical", "violin")),
    ("6", "f/anne-album-01-song-146-175.mp3", ("classical",)),
    ("10", "0/berta-album-02-song-0-29.mp3", ("guitar", "rock")),
    ("11", "b/carl-album-03-song-0-29.mp3", ("techno",)),
    ("12", "c/dora-album-04-song-0-29.mp3", ("piano",)),
    ("13", "c/dora-album-04-song-29-58.mp3", ()),
    ("14", "0/berta-album-02-song-29-58.mp3", ("fiddle",)),  # not among the fifty
    ("35644", "6/norine_braun-now_and_zen-08-gently-117-146.mp3", ("guitar",)),  # empty, as in the archive
)


COLUMNS = (paths.DATA / "datasets" / "magnatagatune_columns.txt").read_text().splitlines()
"""The 188 tags of the real annotations_final.csv, in its order."""


def magnatagatune_tree(root):
    tree = Tree(root)
    for number, (clip, path, tags) in enumerate(MTAT_CLIPS):
        target = root / "mp3" / path
        if clip == "35644":
            target.parent.mkdir(parents=True)
            target.touch()
            continue
        cbr(target, 600 + 100 * number, 29.124 if tags else 2.0)
        if tags and tags != ("fiddle",):
            split = {"f": "test", "c": "valid"}.get(path[0], "train")
            level = 0.95  # the encoder's own scale at this bitrate
            add(tree, clip, 600 + 100 * number, split, level, path[2:].partition("-")[0])
    rows = [[c, *("1" if name in tags else "0" for name in COLUMNS), p] for c, p, tags in MTAT_CLIPS]
    quoted(root / "annotations_final.csv", [["clip_id", *COLUMNS, "mp3_path"], *rows])
    quoted(
        root / "clip_info_final.csv",
        [["clip_id", "artist", "mp3_path"], *([c, "x", p] for c, p, _ in MTAT_CLIPS), ["99", "x", ""]],
    )
    return tree


def slices(source, folder, n=3):
    """Zip a folder and cut the archive in slices, as MagnaTagATune is distributed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            archive.write(path, path.relative_to(source))
    data = buffer.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    parts = [folder / f"mp3.zip.{i + 1:03d}" for i in range(n)]
    for i, part in enumerate(parts):
        part.write_bytes(data[len(data) * i // n : len(data) * (i + 1) // n])
    return parts


MSD_ROWS = {  # split: (7digital id, track id, tag)
    "train": [("5504670", "TRAAAAK128F9318786", "rock"), ("104485", "TRBGJIZ128F92E42BC", "pop"),
              ("104485", "TRVWNOH128E0788B78", "rock")],
    "valid": [("77", "TRAAAAV128F421A322", "jazz")],
    "test": [("123456", "TRAAABD128F429CF47", "soul")],
}  # fmt: skip


def msd_tree(root):
    tree = Tree(root)
    lists = root / "MSD_split_for_tagging"
    lists.mkdir(parents=True)
    for split, rows in MSD_ROWS.items():
        for kind, column in (("7d_id", 0), ("msd_id", 1)):
            (lists / f"{split}_x_{kind}.txt").write_text("".join(f"{row[column]}\n" for row in rows))
        paths = [f"{number[0]}/{number[1]}/{number}.npy\n" for number, _, _ in rows]
        (lists / f"{split}_x_filename.txt").write_text("".join(paths))
        labels = np.array([[tag == row[2] for tag in TAGS] for row in rows])
        np.save(lists / f"{split}_y.npy", labels)
    sound(root / "audio/5/5/5504670.clip.mp3", 400, 31.0, 22_050)
    sound(root / "audio/1/0/104485.clip.mp3", 500, 30.0, 44_100, 2)
    sound(root / "audio/T/R/A/TRAAABD128F429CF47.mp3", 600, 30.0, 22_050)
    add(tree, "TRAAAAK128F9318786", 400, "train", group="5504670")
    for clip in ("TRBGJIZ128F92E42BC", "TRVWNOH128E0788B78"):
        add(tree, clip, 500, "train", 0.75, "104485")
    add(tree, "TRAAABD128F429CF47", 600, "test", group="123456")
    return tree


def mtg_tree(root):
    tree = Tree(root)
    data = root / "mtg-jamendo-dataset/data"
    (data / "tags").mkdir(parents=True)
    names = ["genre---classical", "genre---pop", "genre---rock", "instrument---voice", "mood/theme---happy"]
    (data / "tags/top50.txt").write_text("".join(f"{name}\n" for name in names))
    rows = {
        "train": ["track_0000241\tartist_000005\talbum_000033\t41/241.mp3\t40.0\tgenre---rock"],
        "validation": ["track_0000247\tartist_000006\talbum_000034\t47/247.mp3\t40.0\tgenre---pop\tgenre---rock"],
        "test": ["track_0000382\tartist_000020\talbum_000046\t82/382.mp3\t40.0\tinstrument---voice"],
    }
    for number in (0, 1):
        (data / f"splits/split-{number}").mkdir(parents=True)
        for split, lines in rows.items():
            text = "\r\n".join(["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS", *lines, ""])
            (data / f"splits/split-{number}/autotagging_top50tags-{split}.tsv").write_bytes(text.encode())
    # the outer parts have another pitch: only the central 29.12 s may be heard
    for number, pitch, split, artist in ((241, 400, "train", 5), (247, 500, "valid", 6),
                                         (382, 600, "test", 20)):  # fmt: skip
        time = np.arange(40 * 22_050) / 22_050
        pitches = np.where(np.abs(time - 20) < 14.6, pitch, 3_000)
        path = root / f"audio-low/{number % 100}/{number}.low.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, AMPLITUDE * np.sin(2 * np.pi * pitches * time), 22_050, format="MP3")
        add(tree, f"track_{number:07d}", pitch, split, group=f"artist_{artist:06d}")
    return tree


def fma_tree(root):
    tree = Tree(root)
    (root / "fma_metadata").mkdir(parents=True)
    rows = [(2, "training", "Hip-Hop"), (5, "validation", "Rock"), (99134, "test", "Rock"), (10, "test", "Rock")]
    lines = [",artist,set,set,track", ",id,split,subset,genre_top", "track_id,,,,"]
    lines += [f"{number},9{number},{split},small,{genre}" for number, split, genre in rows]
    lines += ["20,1,training,large,"]
    (root / "fma_metadata/tracks.csv").write_text("\n".join(lines) + "\n")
    for number, pitch, split in ((2, 400, "train"), (5, 500, "valid"), (10, 600, "test")):
        sound(root / f"fma_small/000/{number:06d}.mp3", pitch, 30.0, 44_100)
        add(tree, f"{number:06d}", pitch, split, group=f"9{number}")
    empty = root / "fma_small/099/099134.mp3"
    empty.parent.mkdir(parents=True)
    empty.write_bytes(b"ID3\x03\0\0\0\0\x02\x00" + bytes(256))
    return tree


def ballroom_tree(root):
    tree = Tree(root)
    songs = {"Waltz": ["100601", "101003", "101018"], "Foxtrot": ["105714"], "Quickstep": ["105715"]}
    pitch, text = 400, "<ballroom>"
    for dance, numbers in songs.items():
        text += f"<{dance}>"
        for number in numbers:
            path = root / f"ballroom_extended_2016/{dance}/{number}.mp3"
            if number == "105715":
                path.parent.mkdir(parents=True)
                path.write_bytes((root / "ballroom_extended_2016/Foxtrot/105714.mp3").read_bytes())
                pitch -= 100
            else:
                sound(path, pitch, 3.0, 22_050)
            md5 = hashlib.md5(path.read_bytes()).hexdigest()
            version = '<version id="101018"/>' if number == "101003" else ""
            text += f'<song id="{number}" artist="A &amp; B" bpm="87" title="T" hash="{md5}">{version}</song>'
            same = {"101018": "101003", "105715": "105714"}  # a version; the same file
            add(tree, number, pitch, group=same.get(number, number))
            pitch += 100
        text += f"</{dance}>"
    (root / "extendedballroom_v1.1.xml").write_text(text + "</ballroom>")
    return tree


def gtzan_tree(root, extension=".wav"):
    tree = Tree(root)
    clips = {"blues.00000": "valid", "blues.00012": "test", "blues.00029": "train", "jazz.00000": "",
             "rock.00000": ""}  # fmt: skip
    for number, clip in enumerate(clips):
        genre = clip.partition(".")[0]
        sound(root / f"genres/{genre}/{clip}{extension}", 400 + 100 * number, 30.013, 22_050, subtype="PCM_16")
        add(tree, clip, 400 + 100 * number, clips[clip])
    (root / f"genres/blues/._blues.00000{extension}").write_bytes(b"\0\x05\x16\x07" + bytes(80))
    (root / f"genres/jazz/jazz.00054{extension}").write_bytes(b"RIFF\0\0")
    (root / "genres/bextract_single.mf").write_text("blues.00000.wav\tblues\n")
    return tree


def speech_music_tree(root):
    tree = Tree(root)
    for number, (kind, name) in enumerate((("music", "bagpipe"), ("music", "ballad"), ("speech", "acomic"))):
        sound(root / f"music_speech/{kind}_wav/{name}.wav", 400 + 100 * number, 30.0, 22_050)
        add(tree, f"{kind}/{name}", 400 + 100 * number)
    (root / "music_speech/music_wav/._bagpipe.wav").write_bytes(b"\0\x05\x16\x07" + bytes(80))
    return tree


def emomusic_tree(root):
    tree = Tree(root)
    for number, pitch in ((2, 400), (3, 500), (1000, 600), (7, 700)):
        sound(root / f"clips_45seconds/{number}.mp3", pitch, 45.03, 22_050)
    lines = ["song_id,mean_arousal,std_arousal,mean_valence,std_valence"]
    lines += ["2,3.1,0.99443,3,0.66667", "3,3.5,1.8409,3.3,1.7029", "1000,6,1,5.5,1"]
    (root / "static_annotations.csv").write_text("\n".join(lines) + "\n")
    header = "song_id,file_name,Artist,Song title,start of the segment (min.sec)"
    lines = [header + ",end of the segment (min.sec),Genre,Mediaeval 2013 set"]
    lines += ["2,2.mp3,\tThe New Mystikal Troubadours\t,\tA\t,0.48,1.33,\tBlues\t,development"]
    lines += ['3,3.mp3,"Café, Señor",B,0.36,1.21,Blues,evaluation', "1000,1000.mp3,X,C,1.2,2.05,Rock,development"]
    (root / "songs_info.csv").write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
    for number, pitch, split, artist in (
        (2, 400, "development", "The New Mystikal Troubadours"),
        (3, 500, "evaluation", "Café, Señor"),
        (1000, 600, "development", "X"),
    ):
        add(tree, str(number), pitch, split, group=artist)
    return tree


JAMENDO_SONGS = (
    ("train", "02 - Colombia.ogg", 400),
    ("valid", "05 - Aux Cieux, Tu es mon Dieu.mp3", 500),
    ("test", "School.ogg", 600),
)


def jamendo_tree(root, original=True):
    tree = Tree(root)
    for split, name, pitch in JAMENDO_SONGS:
        stem = name.rpartition(".")[0]
        path = root / (split if original else "audio") / name
        sound(path, pitch, 10.0, 44_100, 2)
        lab = root / ("jamendo_lab" if original else "labels") / f"{stem}.lab"
        lab.parent.mkdir(exist_ok=True)
        lab.write_text("0 3.25 nosing\n3.25 9.5 sing\n9.5 9.5 nosing\nnonsense\n9.5 9.58 nosing\n\n")
        for number in (0, 1, 4):
            add(tree, f"{split}/{stem}#{number:03d}", pitch, split, 0.75, stem)
        if not original:
            (root / "filelists").mkdir(exist_ok=True)
            with open(root / "filelists" / split, "a") as file:
                file.write(f"{name}\n")
    if original:
        (root / "train/._02 - Colombia.ogg").write_bytes(b"\0\x05\x16\x07" + bytes(80))
    return tree


URBAN = (  # file, start, end, fold, class, sample rate, channels, subtype
    ("100032-3-0-0.wav", 0, 2.0, 5, 3, "dog_bark", 44_100, 1, "PCM_16"),
    ("100263-2-0-117.wav", 58.5, 62.5, 5, 2, "children_playing", 44_100, 2, "PCM_16"),
    ("180937-4-0-1.wav", 0, 4.0, 8, 4, "drilling", 96_000, 2, "PCM_24"),
    ("180937-7-0-1.wav", 4, 8.0, 1, 7, "jackhammer", 8_000, 1, "PCM_U8"),
    ("200000-6-0-0.wav", 0, 0.05, 10, 6, "gun_shot", 48_000, 1, "FLOAT"),
)


def urbansound_tree(root):
    tree = Tree(root)
    base = root / "UrbanSound8K"
    (base / "metadata").mkdir(parents=True)
    lines = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for number, (name, start, end, fold, label, word, rate, n_channels, subtype) in enumerate(URBAN):
        pitch = 400 + 100 * number
        sound(base / f"audio/fold{fold}/{name}", pitch, end - start, rate, n_channels, subtype=subtype)
        lines.append(f"{name},{name.partition('-')[0]},{start},{end},1,{fold},{label},{word}")
        add(tree, name[:-4], pitch, "", 0.75 if n_channels == 2 else 1.0, name.partition("-")[0])
    (base / "metadata/UrbanSound8K.csv").write_text("\n".join(lines) + "\n")
    return tree


MAKERS = {
    "magnatagatune": magnatagatune_tree,
    "msd_lastfm": msd_tree,
    "mtg_jamendo": mtg_tree,
    "fma": fma_tree,
    "extended_ballroom": ballroom_tree,
    "gtzan_genre": gtzan_tree,
    "gtzan_speech_music": speech_music_tree,
    "emomusic": emomusic_tree,
    "jamendo_vocal": jamendo_tree,
    "urbansound8k": urbansound_tree,
}
"""A maker for every dataset of the registry."""
