"""An exported folder as a dataset on the Hugging Face hub, or whatever HF_ENDPOINT names.

What is uploaded is what the manifest names, and only as it was when it was exported. Rejected rows stay at home: some
of them were left out because nobody else should see them. The token comes from the environment or the hub's own login
(`huggingface_hub.get_token`), is handed to the library, and goes nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gra.catalogue.fetching import SourceFailed
from gra.catalogue.hub import endpoint, require_reachable
from gra.errors import HubError, MissingExtra, StoreError
from gra.export.manifest import Told, told_by
from gra.export.papers import CARD
from gra.export.whole_file import MANIFEST

AT_HOME = frozenset({"rejected.jsonl", "left_out.jsonl"})
"""Files of an export that are never uploaded."""
REFUSED = "the hub does not accept the token: make a new one that may write, and set HF_TOKEN"
LONGEST_REPLY = 300
"""Characters of what a hub says that are shown."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What goes to the hub."""

    folder: Path
    files: Mapping[str, int]
    """Bytes of each file, by its path in the folder; the manifest is not among them."""
    manifest: bytes
    """The export's own, without what stays at home."""
    told: Told
    """What it says."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What is on the hub now."""

    url: str
    """Of the commit."""
    created: bool
    """Whether the dataset is new there."""
    removed: tuple[str, ...]
    """Files of an earlier push that are gone."""


def prepared(folder: Path) -> Upload:
    """What of an exported folder is to be uploaded.

    Raises:
        StoreError: it is no export for the hub, or a file is not what it was when it was exported.
    """
    try:
        told = told_by((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{folder} holds no export. Make one: gra export RUN --format datasets --out FOLDER") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder / MANIFEST} cannot be read ({error}). Export again") from None
    known = {name: file for name, file in told.files.items() if name not in AT_HOME}
    if CARD not in known:
        raise StoreError(
            f"{folder} has no dataset card, which the hub finds the data by. Export with the form `datasets`: "
            "gra export RUN --format datasets --out FOLDER"
        )
    for name, (_, digest) in known.items():
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise StoreError(f"{folder / MANIFEST} names {name}, which is not in the folder. Export again")
        _require_unchanged(folder / name, digest)
    listed = [file for file in told.plain["files"] if file["path"] in known]
    manifest = json.dumps({**told.plain, "files": listed}, indent=2) + "\n"
    return Upload(folder, {name: size for name, (size, _) in known.items()}, manifest.encode("ascii"), told)


def _require_unchanged(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror}). Export again") from None
    if found != expected:
        raise StoreError(f"{path} is not what was exported: it was changed since. Export again, then push")


def push(upload: Upload, repo: str, *, public: bool = False, replace: bool = False) -> Pushed:
    """Upload it in one commit; files of an earlier push that are no longer there are removed in it.

    Args:
        upload: what.
        repo: `NAME/DATASET`.
        public: everybody may read it.
        replace: also where there is a dataset that these runs have not made.

    Raises:
        MissingExtra: `huggingface_hub` is not installed.
        HubError: there is no token, no right, no hub, or a dataset that is not to be replaced.
    """
    try:
        import huggingface_hub as hub
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise MissingExtra("Pushing to the Hugging Face hub", "hub") from None
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII):
        raise HubError(_no_name(repo))
    disable_progress_bars()
    token = hub.get_token()
    if not token:
        raise HubError(
            "there is no token for the hub: set HF_TOKEN to one that may write, or log in with `hf auth login`"
        )
    try:
        require_reachable()
    except SourceFailed as error:
        raise HubError(f"{error}. Nothing was uploaded") from None
    api = hub.HfApi(endpoint=endpoint(), token=token)
    with _in_words(repo, token):
        there = _there(api, repo)
        earlier: Mapping[str, Any] = {}
        if there is None:
            api.create_repo(repo, repo_type="dataset", private=not public)
        else:
            earlier = _manifest(api, repo, there)
            _require_ours(repo, there, earlier, upload, public=public, replace=replace)
        gone = sorted({str(file["path"]) for file in earlier.get("files", ())} - set(upload.files))
        gone = [name for name in gone if there and name in _names(there)]
        operations: list[Any] = [
            *(hub.CommitOperationAdd(name, str(upload.folder / name)) for name in upload.files),
            hub.CommitOperationAdd(MANIFEST, upload.manifest),
            *(hub.CommitOperationDelete(name) for name in gone),
        ]
        commit = api.create_commit(
            repo,
            operations,
            commit_message=f"{sum(upload.files.values()):,} bytes in {len(upload.files) + 1} files, exported by gra",
            repo_type="dataset",
            parent_commit=there.sha if there else None,  # nobody else's commit of this moment is lost
        )
    return Pushed(str(commit.commit_url), there is None, tuple(gone))


def _there(api: Any, repo: str) -> Any:
    """What the hub says of the dataset; None if there is none that the token may see."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.repo_info(repo, repo_type="dataset")
    except RepositoryNotFoundError as error:
        if getattr(error.response, "status_code", 404) == 401:
            raise HubError(REFUSED) from None
        return None


def _names(there: Any) -> set[str]:
    return {sibling.rfilename for sibling in there.siblings or ()}


def _manifest(api: Any, repo: str, there: Any) -> Mapping[str, Any]:
    """The manifest that lies there; empty where there is none of gra's."""
    if MANIFEST not in _names(there):
        return {}
    with tempfile.TemporaryDirectory() as place:
        got = api.hf_hub_download(repo, MANIFEST, repo_type="dataset", revision=there.sha, local_dir=place)
        try:
            manifest = json.loads(Path(got).read_bytes())
        except ValueError:
            return {}
    if (
        not isinstance(manifest, dict)
        or manifest.get("made_by") != "gra"
        or not isinstance(manifest.get("files"), list)
    ):
        return {}
    # Anybody may have edited it there.
    return {**manifest, "files": [file for file in manifest["files"] if isinstance(file, dict) and "path" in file]}


def _require_ours(
    repo: str, there: Any, earlier: Mapping[str, Any], upload: Upload, *, public: bool, replace: bool
) -> None:
    if not there.private and not public:
        raise HubError(f"{repo} is public: everybody would see the data. If that is meant, add --public")
    if replace or not _names(there) - {".gitattributes"} or (earlier and _runs(earlier) & upload.told.runs.keys()):
        return
    whose = "from other runs" if earlier else "that gra has not made"
    raise HubError(f"{repo} holds a dataset {whose}. Name another one, or add --replace to overwrite its files")


def _runs(manifest: Mapping[str, Any]) -> frozenset[str]:
    runs = manifest.get("runs")
    listed = runs if isinstance(runs, list) else []
    return frozenset(str(run.get("fingerprint")) for run in listed if isinstance(run, dict))


@contextmanager
def _in_words(repo: str, token: str) -> Iterator[None]:
    """Say what goes wrong on the hub in words, and never with the token in them."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        yield
    except HFValidationError:
        raise HubError(_no_name(repo)) from None
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", 0)
        said = " ".join(str(error.server_message or error).split()).replace(token, "...")[:LONGEST_REPLY]
        told = {
            401: REFUSED,
            403: f"the token has no right to write {repo}. Make one that has, or name a dataset of your own",
            409: f"{repo} was changed or made by somebody else meanwhile. Push again",
            412: f"{repo} was changed by somebody else meanwhile. Push again",
        }.get(status, f"the hub answered {status or 'nothing of use'}. Try again later")
        raise HubError(f"{told} (it says: {said})") from None
    except (OSError, ValueError, RuntimeError) as error:
        # Of a file that did not arrive the library raises a RuntimeError; what was wrong is its cause.
        said = " ".join(f"{error} {error.__cause__ or ''}".split()).replace(token, "...")[:LONGEST_REPLY]
        again = "Push again: what is complete there is not sent twice"
        raise HubError(f"the upload to {repo} failed: {said}. {again}") from None


def _no_name(repo: str) -> str:
    return f"`{repo}` is no name that a dataset can have on the hub: NAME/DATASET, for example me/rivers"
