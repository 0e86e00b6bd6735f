"""`gra verify` names what was edited behind gra's back."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

from gra.store.run_dir import create_run
from gra.store.writer import Writer


def gra(*words: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from gra.cli.app import main; sys.argv[0] = 'gra'; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


async def test_an_untouched_run_is_clean_and_an_edited_one_is_named(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", {"fingerprint": "v1:x", "config": {}})
    async with Writer(run) as writer:
        await writer.open_round(1, 5)
        await writer.close_round(1, [], [], {})
    clean = gra("verify", str(run.path))
    assert clean.returncode == 0, clean.stderr
    assert "as it was written" in clean.stdout
    with sqlite3.connect(run.database) as connection:
        connection.execute("UPDATE rounds SET accepted = 4")
    connection.close()
    edited = gra("verify", str(run.path), "--json")
    assert edited.returncode == 5
    assert json.loads(edited.stdout)[0]["table"] == "rounds"
    assert "cannot be trusted" in edited.stderr
