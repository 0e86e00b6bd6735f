"""A Hugging Face hub on loopback, as far as `gra push` speaks with one: datasets, commits, large files by LFS.

Speaks the endpoints that huggingface_hub 2.4 uses for `repo_info`, `create_repo`, `hf_hub_download` and
`create_commit` (read in its source: hf_api.py, _commit_api.py, lfs.py). Checks what a hub checks: the token, the right
to write, digests and sizes of what arrives, the parent of a commit, and the YAML of the card.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

TOKEN = "hf_" + "Q7xZr2Lm9Kd4Wb8Tn1Vc6Yp3Hs5Jg0Af"
LICENCES = {"apache-2.0", "mit", "cc-by-4.0", "other", "unknown"}
SIZES = {"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M"}
Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class Dataset:
    """A dataset there."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=lambda: ["0" * 40])


class FakeHub:
    """`with FakeHub().running() as hub`, then HF_ENDPOINT is `hub.url`."""

    def __init__(self) -> None:
        self.url = ""
        self.datasets: dict[str, Dataset] = {}
        self.writable = {"me"}
        self.large: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.fail: dict[str, Answer] = {}
        """By a part of the path: what is answered in place of the truth."""

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        path = unquote(urlsplit(target).path)
        self.asked.append((method, path))
        if path == "/":
            return 200, b"", {}
        if path.startswith("/large/"):  # storage: signed addresses, no token
            return self._store(path.removeprefix("/large/"), body)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        self.tokens.add(token)
        for part, answer in self.fail.items():
            if part in path:
                return answer
        if token != TOKEN:
            return error(401, "Invalid credentials in Authorization header")
        return self._known(path, body)

    def _known(self, path: str, body: bytes) -> Answer:
        if path == "/api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        kind, _, rest = path.strip("/").partition("/")
        if kind == "api":
            rest = rest.removeprefix("datasets/")
        owner, name, *more = rest.split("/")
        repo = f"{owner}/{name.removesuffix('.git')}"
        dataset = self.datasets.get(repo)
        if dataset is None:
            return error(404, "Repository not found", "RepoNotFound")
        if kind == "api" and (not more or more[0] == "revision"):
            return _json(_info(repo, dataset))
        if more[0] == "resolve":
            return _file(dataset, "/".join(more[2:]))
        if owner not in self.writable:
            return error(403, f"You do not have the right to write {repo}")
        return self._written(repo, dataset, more, body)

    def _written(self, repo: str, dataset: Dataset, more: list[str], body: bytes) -> Answer:
        if more[0] == "preupload":
            return _json({"files": [self._mode(file) for file in json.loads(body)["files"]]})
        if more[0] == "info":
            return _json({"transfer": "basic", "objects": [self._place(o) for o in json.loads(body)["objects"]]})
        if more[0] == "commit":
            return self._commit(repo, dataset, [json.loads(line) for line in body.splitlines()])
        return error(404, f"the fake hub knows nothing of {more}")

    def _create(self, wanted: dict[str, Any]) -> Answer:
        repo = f"{wanted['organization']}/{wanted['name']}"
        if wanted["organization"] not in self.writable:
            return error(403, f"You don't have the rights to create a dataset under {wanted['organization']}")
        if repo in self.datasets:
            return error(409, "You already created this dataset repo")
        private = wanted.get("private", wanted.get("visibility") == "private")
        self.datasets[repo] = Dataset(private, {".gitattributes": b"*.parquet filter=lfs\n"})
        return _json({"url": f"{self.url}/datasets/{repo}", "name": repo})

    def _validate(self, content: str) -> Answer:
        """Part of what the hub looks at; the rest is free there too."""
        front = yaml.safe_load(content.split("---\n")[1])
        wrong = [
            *(["license"] if front.get("license") not in LICENCES else []),
            *(["size_categories"] if not set(front.get("size_categories", ())) <= SIZES else []),
            *(["language"] if any(len(code) not in (2, 3) for code in front.get("language", ())) else []),
            *(["configs"] if any({*c} - {"config_name", "data_files", "default"} for c in front["configs"]) else []),
        ]
        told = {"errors": [{"message": f'"{key}" is not valid'} for key in wrong], "warnings": []}
        return _json(told, 400 if wrong else 200)

    def _mode(self, file: dict[str, Any]) -> dict[str, Any]:
        large = file["path"].endswith(".parquet") or file["size"] > 10 << 20
        return {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}

    def _place(self, wanted: dict[str, Any]) -> dict[str, Any]:
        plain = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] in self.large:
            return plain
        return {**plain, "actions": {"upload": {"href": f"{self.url}/large/{wanted['oid']}"}}}

    def _store(self, oid: str, body: bytes) -> Answer:
        if hashlib.sha256(body).hexdigest() != oid:
            return error(400, "the content is not what its digest says")
        self.large[oid] = body
        return 200, b"", {}

    def _commit(self, repo: str, dataset: Dataset, lines: list[dict[str, Any]]) -> Answer:
        head = lines[0]["value"]
        if head.get("parentCommit") not in (None, dataset.commits[-1]):
            return error(412, "A commit has happened since")
        files = dict(dataset.files)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        dataset.files = files
        dataset.commits.append(f"{len(dataset.commits):040x}")
        return _json({"commitUrl": f"{self.url}/datasets/{repo}/commit/{dataset.commits[-1]}",
                      "commitOid": dataset.commits[-1], "hookOutput": "", "success": True})  # fmt: skip

    @contextmanager
    def running(self) -> Iterator[FakeHub]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self.rest()
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, content, more = hub.answer(self.command, self.path, headers, body)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def rest(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def chunks(self) -> bytes:
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            do_HEAD = do_POST = do_PUT = do_GET

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def _json(plain: object, status: int = 200) -> Answer:
    return status, json.dumps(plain).encode(), {"Content-Type": "application/json"}


def error(status: int, message: str, code: str = "") -> Answer:
    headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
    return status, json.dumps({"error": message}).encode(), {"Content-Type": "application/json", **headers}


def _info(repo: str, dataset: Dataset) -> dict[str, Any]:
    siblings = [{"rfilename": name} for name in sorted(dataset.files)]
    return {"id": repo, "sha": dataset.commits[-1], "private": dataset.private, "siblings": siblings, "tags": []}


def _file(dataset: Dataset, name: str) -> Answer:
    if name not in dataset.files:
        return error(404, "Entry not found", "EntryNotFound")
    content = dataset.files[name]
    tag = hashlib.sha1(content).hexdigest()
    return 200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": dataset.commits[-1]}
