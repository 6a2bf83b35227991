"""Tasks on a cluster: one that cannot do them is refused, not waited for."""

import json
import os
import subprocess
import sys
import time

import pytest

from mtlib.base import parallel
from mtlib.base.errors import InputError


def test_a_cluster_that_cannot_import_mtlib_is_named(tmp_path):
    told = tmp_path / "scheduler.json"
    program = (  # without the folder of an editable installation
        "import os, sys; sys.path = [p for p in sys.path if not os.path.isdir(os.path.join(p, 'mtlib'))]; "
        "from distributed.cli.dask_scheduler import main; main()"
    )
    command = [sys.executable, "-c", program, "--host", "127.0.0.1", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        [*command, "--no-dashboard", "--scheduler-file", str(told)],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.DEVNULL,
    ) as scheduler:
        try:
            while not told.is_file() or not told.read_text().strip():
                time.sleep(0.02)
            address = json.loads(told.read_text())["address"]
            with pytest.raises(InputError, match="says: No module named 'mtlib'; start each with PYTHONPATH"):
                list(parallel.run(abs, [-1], scheduler=address))
        finally:
            scheduler.kill()
