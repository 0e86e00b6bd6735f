"""`gra push` against a hub on loopback: what arrives, what stays at home, and what is refused."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from export_builders import rejected, revised, run_of, sample, task
from fake_hub import TOKEN, Dataset, FakeHub, error
from typer.testing import CliRunner, Result

from gra.cli.app import app
from gra.export import Wanted, write_folder
from gra.report.card import card_of
from gra.report.filtering import filters_for
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verdicts import put_verdict

# huggingface_hub 2.4 hands a file to httpx2 in a way that httpx2 would have otherwise.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning")
SECRET = "my key is ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
Push = Callable[..., Result]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-login"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with FakeHub().running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def run(tmp_path: Path) -> Path:
    samples = [*(sample(n) for n in range(6)), revised(6), sample(7, instruction=SECRET), rejected(8, task(8))]
    return run_of(tmp_path / "run", samples)


def export(run: Path, *formats: str) -> Path:
    with Reader(open_run(run)) as reader:
        wanted = Wanted(formats or ("datasets",), rejected=True)
        return write_folder([reader], wanted, None, filters_for([reader], {}), card_of).path


@pytest.fixture
def push() -> Push:
    return lambda *args: CliRunner().invoke(app, ["push", *map(str, args)], env={"COLUMNS": "300"})


def test_verdicts_that_came_after_the_export_are_told_with_the_command_that_exports_anew(run: Path, push: Push) -> None:
    opened = open_run(run)
    put_verdict(opened, sample(0), True)
    folder = export(run)
    assert "people have judged" not in push(run, "me/rivers", "--dry-run").stderr
    put_verdict(opened, sample(1), False)
    again = f"gra export {run.resolve()} --format datasets --with-rejected"
    for named in (run, folder):
        told = push(named, "me/rivers", "--dry-run")
        assert told.exit_code == 0 and told.stderr.strip().endswith(f"To export anew: {again}"), told.stderr
    assert CliRunner().invoke(app, again.split()[1:]).exit_code == 0
    assert push(run, "me/rivers", "--dry-run").stderr == ""
    elsewhere = folder.rename(run.parent / "elsewhere")
    assert push(elsewhere, "me/rivers", "--dry-run").stderr == "", "whose verdicts it should heed, nobody knows"


def test_the_folder_arrives_private_without_what_was_left_out(hub: FakeHub, run: Path, push: Push) -> None:
    folder = export(run)
    done = push(run, "me/rivers")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == f"{hub.url}/datasets/me/rivers/commit/{1:040x}"
    there = hub.datasets["me/rivers"]
    assert there.private
    manifest = json.loads(there.files["manifest.json"])
    names = {file["path"] for file in manifest["files"]}
    assert set(there.files) == {*names, "manifest.json", ".gitattributes"}
    assert not names & {"rejected.jsonl", "left_out.jsonl"} and {"README.md", "data/messages/train.parquet"} <= names
    assert all(there.files[name] == (folder / name).read_bytes() for name in names)
    assert hub.large, "tables go by LFS"
    assert not any(b"ghp_" in content for content in there.files.values())
    assert manifest["left_out"] == {"secret": 1}
    assert TOKEN not in done.output and hub.tokens == {TOKEN}
    assert not any(TOKEN.encode() in path.read_bytes() for path in run.rglob("*") if path.is_file())


def test_the_same_run_may_be_pushed_again_and_what_it_has_no_more_is_removed(
    hub: FakeHub, run: Path, push: Push
) -> None:
    export(run, "datasets", "openai")
    assert push(run, "me/rivers").exit_code == 0
    assert "openai.jsonl" in hub.datasets["me/rivers"].files
    hub.datasets["me/rivers"].files["by-hand.txt"] = b"a note"
    export(run)
    done = push(run, "me/rivers")
    assert done.exit_code == 0 and "removed there" in done.stderr and "openai.jsonl" in done.stderr
    assert "openai.jsonl" not in hub.datasets["me/rivers"].files
    assert hub.datasets["me/rivers"].files["by-hand.txt"] == b"a note"


def test_a_dry_run_asks_nobody_and_needs_no_token(
    hub: FakeHub, run: Path, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(run)
    monkeypatch.delenv("HF_TOKEN")
    done = push(run, "me/rivers", "--dry-run")
    assert done.exit_code == 0 and "data/messages/train.parquet" in done.stdout and "manifest.json" in done.stdout
    assert "nothing was uploaded" in done.stdout and "left_out" not in done.stdout
    plain = json.loads(push(run, "me/rivers", "--dry-run", "--json").stdout)
    assert plain["files"]["README.md"] > 0 and not hub.asked


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (Dataset(True, {"data.csv": b"a,b"}), "holds a dataset that gra has not made"),
        (Dataset(True, {"manifest.json": b"[]"}), "holds a dataset that gra has not made"),
        (
            Dataset(True, {"manifest.json": b'{"made_by": "gra", "files": [], "runs": [{"fingerprint": "v1:other"}]}'}),
            "holds a dataset from other runs",
        ),
        (Dataset(True, {"manifest.json": b'{"made_by": "gra", "files": [1, {}], "runs": [2]}'}), "from other runs"),
    ],
)
def test_what_these_runs_have_not_made_is_replaced_only_with_consent(
    hub: FakeHub, run: Path, push: Push, there: Dataset, told: str
) -> None:
    export(run)
    hub.datasets["me/rivers"] = there
    before = dict(there.files)
    refused = push(run, "me/rivers")
    assert refused.exit_code == 4 and told in refused.stderr and "--replace" in refused.stderr
    assert there.files == before
    assert push(run, "me/rivers", "--replace").exit_code == 0
    assert "README.md" in hub.datasets["me/rivers"].files


def test_nothing_becomes_public_by_accident(hub: FakeHub, run: Path, push: Push) -> None:
    export(run)
    hub.datasets["me/open"] = Dataset(False)
    refused = push(run, "me/open")
    assert refused.exit_code == 4 and "is public" in refused.stderr and "--public" in refused.stderr
    assert push(run, "me/open", "--public").exit_code == 0
    assert push(run, "me/new", "--public").exit_code == 0 and not hub.datasets["me/new"].private


def test_what_goes_wrong_is_said_in_words_and_without_the_token(
    hub: FakeHub, run: Path, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*args: object, **environment: str) -> str:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            done = push(*args)
        assert done.exit_code in (4, 5) and not done.stdout and "Traceback" not in done.stderr
        assert TOKEN not in done.stderr
        return done.stderr

    assert "holds no export" in told(run, "me/rivers")
    export(run, "messages")
    assert "has no dataset card" in told(run, "me/rivers")
    folder = export(run)
    assert "there is no token" in told(run, "me/rivers", HF_TOKEN="")
    assert "does not accept the token" in told(run, "me/rivers", HF_TOKEN="hf_wrong")
    assert "has no right to write" in told(run, "somebody/rivers")
    assert "no name that a dataset can have" in told(run, "rivers; rm -rf")
    assert "cannot be reached" in told(run, "me/rivers", HF_ENDPOINT="http://127.0.0.1:9")
    assert "HF_HUB_OFFLINE is set" in told(run, "me/rivers", HF_HUB_OFFLINE="1")
    hub.fail["/commit/"] = error(412, f"A commit has happened since, said {TOKEN}")
    assert "was changed by somebody else" in told(run, "me/rivers")
    hub.fail.clear()
    (folder / "README.md").write_text("changed")
    assert "it was changed since" in told(run, "me/rivers")


@pytest.mark.parametrize("entry", [{}, {"path": "README.md"}, {"path": "README.md", "bytes": 1}, {"path": [1]}, 3])
def test_a_manifest_that_is_none_is_said_in_words(run: Path, push: Push, entry: object) -> None:
    (export(run) / "manifest.json").write_text(json.dumps({"files": [entry]}))
    done = push(run, "me/rivers", "--dry-run")
    assert done.exit_code == 5 and "manifest.json cannot be read" in done.stderr and "Export again" in done.stderr


def test_a_manifest_cannot_have_other_files_of_this_machine_uploaded(run: Path, push: Push, tmp_path: Path) -> None:
    folder = export(run)
    (tmp_path / "private").write_bytes(b"")
    (folder / "link").symlink_to(tmp_path / "private")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in (str(tmp_path / "private"), "../../../private", "link"):
        named = {"path": name, "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
        (folder / "manifest.json").write_text(json.dumps({**manifest, "files": [*manifest["files"], named]}))
        done = push(run, "me/rivers", "--dry-run")
        assert done.exit_code == 5 and "is not in the folder" in done.stderr, name
