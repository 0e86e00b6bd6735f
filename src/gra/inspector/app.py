"""The pages as a web application: addresses, templates, and the one form. What pages say is in `pages` and `maps`."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from aiohttp import web

from gra.display.safe import plain
from gra.errors import GraError, MissingExtra
from gra.inspector import maps, pages
from gra.inspector.charts import chart_tools
from gra.inspector.guard import Guard, Handler, guarding
from gra.inspector.indexing import Indexer
from gra.inspector.listing import BadQuestion
from gra.inspector.marks import changes, shown
from gra.inspector.pages import NotThere, Sight, looking
from gra.store.verdicts import put_verdict

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC = {"style.css": "text/css", "view.js": "text/javascript", "icon.svg": "image/svg+xml"}
LONGEST_FORM = 64_000
"""Bytes."""
log = logging.getLogger(__name__)
Say = Callable[[Sight], dict[str, Any]]


class Inspector:
    """The application over one run or several: `Inspector(indexers, guard).app`.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """

    def __init__(self, indexers: Sequence[Indexer], guard: Guard) -> None:
        self._indexers = indexers
        self._guard = guard
        self._templates = templates()
        self.app = web.Application(
            middlewares=[guarding(guard, self._message), self._telling], client_max_size=LONGEST_FORM
        )
        for path, handler in self._routes().items():
            self.app.router.add_get(path, handler)
        self.app.router.add_post(r"/{run:\d+}/samples/{id:[\w.-]+}/verdict", self._judge)

    def _routes(self) -> dict[str, Handler]:
        run, one, json_ = r"/{run:\d+}", r"/samples/{id:[\w.-]+?}", r"{json:(?:\.json)?}"
        return {
            "/": self._begin,
            "/static/{name}": self._static,
            f"/compare{json_}": self._compare,
            f"{run}/state.json": partial(self._page, "", lambda request, sight: pages.state(sight)),
            f"{run}/overview{json_}": partial(self._page, "overview", lambda request, sight: pages.overview(sight)),
            f"{run}/samples{json_}": partial(self._page, "samples", lambda r, sight: pages.samples(sight, r.query)),
            f"{run}/reviewers{json_}": partial(self._page, "reviewers", lambda request, sight: pages.reviewers(sight)),
            f"{run}/data{json_}": partial(self._page, "data", lambda r, sight: maps.data(sight, r.query)),
            f"{run}{one}/text/{{part}}": partial(self._text, _whole_text),
            f"{run}{one}/calls/{{place:\\d+}}/text/{{part}}": partial(self._text, _whole_call),
            f"{run}{one}/calls/{{place:\\d+}}{json_}": partial(self._page, "call", _call),
            f"{run}{one}{json_}": partial(self._page, "sample", _sample),
        }

    async def _begin(self, request: web.Request) -> web.Response:
        several = len(self._indexers) > 1
        return web.Response(status=303, headers={"Location": "/compare" if several else "/1/overview"})

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in STATIC:
            raise NotThere(f"there is no file {name}")
        content = (files(__package__) / "static" / name).read_text("utf-8")
        return web.Response(text=content, content_type=STATIC[name], charset="utf-8")

    async def _page(
        self, template: str, say: Callable[[web.Request, Sight], dict[str, Any]], request: web.Request
    ) -> web.Response:
        number, indexer = self._indexer(request.match_info["run"])
        said = await asyncio.to_thread(_look, indexer, partial(say, request))
        return await self._show(request, template, said, run=number)

    async def _compare(self, request: web.Request) -> web.Response:
        last = str(len(self._indexers))
        a, first = self._indexer(request.query.get("a", "1"))
        b, second = self._indexer(request.query.get("b", min("2", last)))
        said = await asyncio.to_thread(_look, first, lambda one: _look(second, partial(maps.compare, one)))
        for shown_run, number in zip(said["runs"], (a, b), strict=True):
            shown_run["number"] = number
        return await self._show(request, "compare", said, run=0)

    async def _text(self, find: Callable[[web.Request, Sight], str], request: web.Request) -> web.Response:
        _, indexer = self._indexer(request.match_info["run"])
        text = await asyncio.to_thread(_find, indexer, partial(find, request))
        return web.Response(body=text.encode("utf-8", "replace"), content_type="text/plain", charset="utf-8")

    async def _judge(self, request: web.Request) -> web.Response:
        form = await request.post()
        verdict, note = str(form.get("verdict", "")), str(form.get("note", ""))
        if reason := self._guard.refuse_writing(request, str(form.get("form_token", ""))):
            return self._message(request, 403, reason)
        if verdict not in ("accept", "reject", "withdraw"):
            raise BadQuestion("a verdict is `accept`, `reject` or `withdraw`")
        number, indexer = self._indexer(request.match_info["run"])
        id = request.match_info["id"]
        accept = None if verdict == "withdraw" else verdict == "accept"
        await asyncio.to_thread(_look, indexer, partial(_put, id, accept, note.replace("\r\n", "\n").strip()))
        rest = f"?{request.query_string}" if request.query_string else ""
        return web.Response(status=303, headers={"Location": f"/{number}/samples/{quote(id)}{rest}#verdict"})

    def _indexer(self, number: str) -> tuple[int, Indexer]:
        if not number.isdecimal() or not 0 < int(number) <= len(self._indexers):
            raise NotThere(f"there is no run {number}; there are {len(self._indexers)}")
        return int(number), self._indexers[int(number) - 1]

    async def _show(self, request: web.Request, template: str, said: dict[str, Any], run: int) -> web.Response:
        if not template or request.match_info.get("json"):
            text = json.dumps(plain(said), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
            return web.Response(text=text, content_type="application/json")
        text = await asyncio.to_thread(self._render, request, template, said, run)
        return web.Response(body=text.encode("utf-8", "replace"), content_type="text/html", charset="utf-8")

    def _render(self, request: web.Request, template: str, said: Mapping[str, Any], run: int) -> str:
        names = [indexer.run.path.resolve().name for indexer in self._indexers]
        twin = f"{request.path}.json" + (f"?{request.query_string}" if request.query_string else "")
        return self._templates.get_template(f"{template}.html").render(
            **said, at=run, base=f"/{run}", names=names, here=template, twin=twin, form_token=self._guard.form_token
        )

    def _message(self, request: web.Request, status: int, text: str) -> web.Response:
        """A page that only says something."""
        if request.path.endswith(".json"):
            return web.json_response({"error": text}, status=status)
        page = self._templates.get_template("message.html").render(text=text, status=status, names=[], here="", at=0)
        return web.Response(
            body=page.encode("utf-8", "replace"), content_type="text/html", charset="utf-8", status=status
        )

    @web.middleware
    async def _telling(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Says in words what went wrong."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            known = {
                404: "There is no such page.",
                413: "That is too long for a note: 4,000 characters are kept of one.",
            }
            return self._message(request, error.status, known.get(error.status, error.reason))
        except GraError as error:
            status = 404 if isinstance(error, NotThere) else 400 if isinstance(error, BadQuestion) else 500
            return self._message(request, status, str(error))
        except Exception as error:
            log.exception("a page could not be made: %s", request.path)
            return self._message(request, 500, f"An error that should not happen: {type(error).__name__}: {error}")


def templates() -> Environment:
    """The templates, in which everything is escaped.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise MissingExtra("`gra view`", "inspect") from None
    environment = Environment(
        loader=PackageLoader("gra.inspector"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "changes": changes}
    environment.filters |= {"query": urlencode, "path": partial(quote, safe="")}
    environment.globals |= chart_tools()
    for name in environment.list_templates(["html"]):
        environment.get_template(name)  # a version of gra that is installed meanwhile is not mixed with this one
    return environment


def _look(indexer: Indexer, say: Say) -> dict[str, Any]:
    with looking(indexer) as sight:
        return say(sight)


def _find(indexer: Indexer, find: Callable[[Sight], str]) -> str:
    with looking(indexer) as sight:
        return find(sight)


def _sample(request: web.Request, sight: Sight) -> dict[str, Any]:
    return pages.sample(sight, request.match_info["id"], request.query)


def _call(request: web.Request, sight: Sight) -> dict[str, Any]:
    return pages.call(sight, request.match_info["id"], int(request.match_info["place"]))


def _whole_text(request: web.Request, sight: Sight) -> str:
    return pages.text(sight, request.match_info["id"], request.match_info["part"])


def _whole_call(request: web.Request, sight: Sight) -> str:
    return pages.call_text(
        sight, request.match_info["id"], int(request.match_info["place"]), request.match_info["part"]
    )


def _put(id: str, accept: bool | None, note: str, sight: Sight) -> dict[str, Any]:
    found = sight.reader.sample(id)
    if found is None:
        raise NotThere(f"there is no sample {id}, or it has not ended yet")
    put_verdict(sight.indexer.run, found, accept, note)
    return {}
