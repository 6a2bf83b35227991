"""Fetching: verified or refused, one line that helps, and nothing damaged is ever used."""

import hashlib
import http.server
import threading
from dataclasses import replace

import pytest
from click.testing import CliRunner

from mtlib.__main__ import program
from mtlib.base import published
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
            sha256=hashlib.sha256(CONTENT).hexdigest(),
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
    monkeypatch.setitem(published.ARTIFACTS, NAME, replace(server, sha256="0" * 64))
    with pytest.raises(InputError) as caught:
        published.fetch(NAME)
    one_line(caught, NAME, server.url, str(home), "SHA-256")
    assert not server.path.exists()


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
    assert list(lines.values()).count("missing") == len(published.ARTIFACTS) - 2
    assert "damaged files are not used" in result.stderr


def test_every_published_file_matches_the_list(published):
    from mtlib.base import published as files

    assert {files.state(artifact) for artifact in files.ARTIFACTS.values()} == {"present"}


def test_audio_and_unlicensed_files_may_not_be_redistributed():
    for name, artifact in published.ARTIFACTS.items():
        if name.endswith((".mp3", ".wav")) or artifact.licence == "none stated":
            assert not artifact.redistribute, name
