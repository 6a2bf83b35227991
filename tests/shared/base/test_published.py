"""Fetching: verified or refused, one line that helps, and nothing damaged is ever used."""

import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner

from mtlib.__main__ import program
from mtlib.base import paths, published
from mtlib.base import published as files  # where a fixture is named published
from mtlib.base.errors import InputError

NAME = "music-auto_tagging-keras/data/bensound-cute.npy"
CONTENT = b"what the author published"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path / "published"))
    monkeypatch.setattr(published, "_unreachable", set())
    return tmp_path / "published"


@pytest.fixture
def server(monkeypatch):
    """A server that sends CONTENT, and the artifact pointed at it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/file"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(CONTENT if found else b"")

        def log_message(self, *args):
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        artifact = replace(
            published.ARTIFACTS[NAME],
            url=f"http://127.0.0.1:{running.server_port}/file",
            n_bytes=len(CONTENT),
            checksum=hashlib.sha256(CONTENT).hexdigest(),
        )
        monkeypatch.setitem(published.ARTIFACTS, NAME, artifact)
        yield artifact
        running.shutdown()


def one_line(caught, *words):
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_a_missing_file_is_fetched_and_verified(home, server):
    assert published.state(server) == "missing"
    assert published.fetch(NAME).read_bytes() == CONTENT
    assert published.state(server) == "present"


def test_a_damaged_file_is_replaced(home, server):
    server.path.parent.mkdir(parents=True)
    server.path.write_bytes(b"x" * len(CONTENT))
    assert published.state(server) == "damaged"
    assert published.fetch(NAME).read_bytes() == CONTENT


def test_what_has_another_hash_is_refused(home, server, monkeypatch):
    monkeypatch.setitem(published.ARTIFACTS, NAME, replace(server, checksum="0" * 64))
    with pytest.raises(InputError) as caught:
        published.fetch(NAME)
    one_line(caught, NAME, server.url, str(home), "another hash than 000000000000")
    assert not server.path.exists()


def test_a_file_of_unknown_size_is_known_by_its_git_blob(home, server, monkeypatch):
    blob = subprocess.run(["git", "hash-object", "--stdin"], input=CONTENT, capture_output=True, check=True)
    by_git = replace(server, n_bytes=None, checksum=blob.stdout.decode().strip())
    monkeypatch.setitem(published.ARTIFACTS, NAME, by_git)
    assert not by_git.reachable and published.state(by_git) == "missing"
    assert published.fetch(NAME).read_bytes() == CONTENT
    by_git.path.write_bytes(CONTENT[::-1])
    assert published.state(by_git) == "damaged"
    assert published.fetch(NAME).read_bytes() == CONTENT
    monkeypatch.setitem(published.ARTIFACTS, NAME, replace(by_git, checksum="0" * 40))
    with pytest.raises(InputError, match="another hash than 000000000000"):
        published.fetch(NAME)
    assert [path.name for path in by_git.path.parent.iterdir()] == [by_git.path.name]


def test_an_absent_address_is_told(home, server, monkeypatch):
    monkeypatch.setitem(published.ARTIFACTS, NAME, replace(server, url=server.url + "/gone"))
    with pytest.raises(InputError) as caught:
        published.fetch(NAME)
    one_line(caught, NAME, "404", "by hand", str(home))


def test_no_network_is_told_once_a_host(home, server, monkeypatch):
    closed = replace(server, url="http://127.0.0.1:9/file")
    monkeypatch.setitem(published.ARTIFACTS, NAME, closed)
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            published.fetch(NAME)
        one_line(caught, NAME, "cannot be reached", closed.url, str(home))
    found, reason = published.gather([NAME])
    assert found == {} and "cannot be reached" in reason


def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch, server):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path / "file"))
    with pytest.raises(InputError) as caught:
        published.fetch(NAME)
    one_line(caught, NAME, "cannot be written", "MTLIB_PUBLISHED")


def test_fetch_lists_what_is_there_missing_and_damaged(home, server):
    other = published.ARTIFACTS["music-auto_tagging-keras/data/bensound-cute.mp3"]
    other.path.parent.mkdir(parents=True)
    other.path.write_bytes(b"half a file")
    published.fetch(NAME)
    result = CliRunner().invoke(program, ["fetch", "--list"])
    assert result.exit_code == 1
    lines = {line.split()[-1]: line.split()[0] for line in result.stdout.splitlines() if " bytes " in line}
    assert lines[NAME] == "present"
    assert lines[other.name] == "damaged"
    of_author = [item for item in published.ARTIFACTS.values() if item.owner == published.AUTHOR]
    assert list(lines.values()).count("missing") == len(of_author) - 2
    assert "damaged files are not used" in result.stderr


def test_fetch_later_is_about_the_files_of_others(home):
    result = CliRunner().invoke(program, ["fetch", "later", "--list"])
    names = {line.split(" bytes  ")[1] for line in result.stdout.splitlines() if " bytes " in line}
    assert result.exit_code == 0 and NAME not in names
    assert "sota-music-tagging-models/sota_music_taggers/models/msd/fcn/best_model.pth" in names


def test_every_published_file_matches_the_list(published):
    check_states(lambda item: item.owner == files.AUTHOR)


def test_every_later_file_matches_the_list(later):
    check_states(lambda item: item.owner != files.AUTHOR)


def check_states(chosen):
    found = {item.name: files.state(item) for item in files.ARTIFACTS.values() if chosen(item)}
    assert {name: state for name, state in found.items() if state == "damaged"} == {}
    assert {name for name, state in found.items() if state == "missing"} <= {
        item.name for item in files.ARTIFACTS.values() if not item.reachable
    }


def test_every_file_is_known_by_one_hash_at_a_pinned_commit():
    for name, artifact in published.ARTIFACTS.items():
        assert re.fullmatch("[0-9a-f]{64}" if artifact.reachable else "[0-9a-f]{40}", artifact.checksum), name
        assert re.match(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{7,40}/", artifact.url), (
            name
        )


def test_only_what_a_licence_allows_may_be_redistributed():
    free = {"MIT", "ISC", "CC BY 3.0", "public domain"}
    for name, artifact in published.ARTIFACTS.items():
        assert not artifact.redistribute or artifact.licence in free, name
        assert not artifact.redistribute or not name.endswith((".mp3", ".wav")), name


FETCH = """
import sys
from dataclasses import replace
from mtlib.base import paths, published
name, url = sys.argv[1:]
published.ARTIFACTS[name] = replace(published.ARTIFACTS[name], url=url)
published.fetch(name)
"""


def test_what_a_killed_fetch_left_is_gone_after_the_next(home, monkeypatch):
    """The server sends half, and the rest only when it is asked again."""

    class Handler(http.server.BaseHTTPRequestHandler):
        n_asked = 0
        killed = threading.Event()

        def do_GET(self):
            type(self).n_asked += 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONTENT[:9])
            self.wfile.flush()
            if self.n_asked == 1:
                self.killed.wait()
                return
            self.wfile.write(CONTENT[9:])

        def log_message(self, *args):
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{running.server_port}/file"
        artifact = replace(
            published.ARTIFACTS[NAME], url=url, n_bytes=len(CONTENT),
            checksum=hashlib.sha256(CONTENT).hexdigest(),
        )  # fmt: skip
        monkeypatch.setitem(published.ARTIFACTS, NAME, artifact)
        command = [sys.executable, "-c", FETCH, NAME, url]
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(paths.ROOT)}) as killed:
            while Handler.n_asked == 0:  # its partial file is there before it asks
                assert killed.poll() is None
                time.sleep(0.01)
            killed.kill()
        Handler.killed.set()
        left = [path for path in home.rglob("*") if path.is_file()]
        assert artifact.path not in left and len(left) == 2  # the lock and what had come
        assert published.fetch(NAME).read_bytes() == CONTENT
        running.shutdown()
    assert {path for path in home.rglob("*") if path.is_file()} == {artifact.path, home / ".fetch.lock"}
