"""What runs elsewhere: the workflow's actions, rights and Pythons, and the targets of make that are named."""

import re

import pytest
import yaml

from mtlib.base import paths

FILE = ".github/workflows/book.yml"
TEXT = (paths.ROOT / FILE).read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(TEXT)


def test_every_action_is_pinned_by_hash_beside_its_version():
    used = re.findall(r"uses: (.*)", TEXT)
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_a_job_that_runs_our_code_may_only_read():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for job in WORKFLOW["jobs"].values():
        if "permissions" in job:
            assert not any("checkout" in step.get("uses", "") for step in job["steps"])
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", [FILE, ".devcontainer/devcontainer.json", "README.md", "book/reproduce.md"])
def test_every_target_that_is_named_exists(name):
    text = (paths.ROOT / name).read_text(encoding="utf-8")
    rules = re.findall(r"^([$()/\w-]+):", (paths.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"(?:^|`|run: |&& )make(?: [A-Z]+=\S+)* ([.a-z/-]+)", text, re.MULTILINE)
    assert named and {target.rstrip(".") for target in named} <= {rule.replace("$(VENV)", ".venv") for rule in rules}
