"""Who may look: the person who started the inspector, from this machine, and no page of somebody else's.

Any program on this machine, and any web page in its browser, can send requests to a port on loopback. So every request
must name this server as its host (a page whose name was pointed at 127.0.0.1 names its own), must hold the secret that
only the terminal has shown, and, where it writes, must come from one of our own pages.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""With every answer. Nothing is loaded from elsewhere, and nothing runs that is not a file of ours."""


@dataclass(frozen=True)
class Guard:
    """One start of the inspector."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """The secret: in the address that the terminal shows, then in a cookie."""

    @property
    def cookie(self) -> str:
        """Name of the cookie; a browser sends cookies to all ports of a host, so each server has its own."""
        return f"gra_view_{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """What a request may call this server."""
        return frozenset(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost"))

    @property
    def form_token(self) -> str:
        """What our own forms hold. It is in pages, so it is not the secret itself."""
        return hmac.new(self.token.encode(), b"form", hashlib.sha256).hexdigest()

    def refuse(self, request: web.Request) -> str:
        """Why a request is not served; empty if it is."""
        if request.headers.get("Host", "").lower() not in self.hosts:
            return f"This is not the host that you asked for. Open http://127.0.0.1:{self.port}/."
        if not self._knows(request.cookies.get(self.cookie, "")):
            return "Open the address that `gra view` has printed: it lets this browser in."
        return ""

    def refuse_writing(self, request: web.Request, form_token: str) -> str:
        """Why what a form says is not done; empty if it is."""
        origin = request.headers.get("Origin")
        own = {f"http://{host}" for host in self.hosts}
        if origin is not None and origin not in own | {"null"}:
            return "This form was sent from a page of somebody else's."
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return "This form was sent from a page of somebody else's."
        if not hmac.compare_digest(form_token.encode(), self.form_token.encode()):
            return "This form is of an earlier start of the inspector. Load the page again."
        return ""

    def admit(self, request: web.Request) -> web.Response | None:
        """The answer to an address that holds the secret: the same without it, and a cookie. None to all others."""
        given = request.query.get("token")
        host = request.headers.get("Host", "").lower()
        if given is None or host not in self.hosts or not self._knows(given):
            return None
        rest = urlencode([(key, value) for key, value in request.query.items() if key != "token"])
        answer = web.Response(status=303, headers={"Location": request.path + (f"?{rest}" if rest else "")})
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="Strict", path="/")
        return answer

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


def guarding(guard: Guard, refused: Callable[[web.Request, int, str], web.Response]) -> Middleware:
    """Lets nobody else in, and gives every answer its headers."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer: web.StreamResponse | None = guard.admit(request)
        if answer is None:
            reason = guard.refuse(request)
            answer = refused(request, 403, reason) if reason else await handler(request)
        answer.headers.update(HEADERS)
        return answer

    return middleware
