"""Who may talk to the review server: a browser that was handed the token, and pages of this server alone."""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["COOKIE", "Guard"]

COOKIE = "alcseg-review"
_READING = ("GET", "HEAD")
_LONGEST_PATH = 200  # No address of the page is longer.
_HEADERS = {
    # Everything comes from this server. The viewer makes pictures of its own, hence blob: and data:.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class _TooLargeError(Exception):
    """A body has more bytes than one that the page sends."""


class Guard:
    """Lets a request through if it knows the token, names this host, and does not come from another page.

    Args:
        app: What is guarded.
        token: Secret that the address which opens the page carries; a cookie afterwards.
        hosts: What `Host` may say, with port.
        largest: Bytes of the largest body.
        secure: Whether the page is served over TLS, so that the cookie may be tied to it.
    """

    def __init__(
        self, app: ASGIApp, *, token: str, hosts: frozenset[str], largest: int, secure: bool
    ) -> None:
        self.app = app
        self.token = token
        self.hosts = hosts
        self.largest = largest
        self.secure = secure
        # Of this review alone: a browser sends the cookies of all ports of a host.
        self._cookie = f"{COOKIE}-{hashlib.sha256(token.encode()).hexdigest()[:12]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say in a line why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets here
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refuse(scope)
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        read = 0

        async def measured() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.largest:
                raise _TooLargeError
            return message

        try:
            await self.app(scope, measured, answer)
        except _TooLargeError:
            await PlainTextResponse("The body is too large.", 413)(scope, receive, answer)

    def _refuse(self, scope: Scope) -> PlainTextResponse | RedirectResponse | None:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self.hosts:
            return PlainTextResponse("Unknown host.", 421)
        if len(scope["path"]) > _LONGEST_PATH:
            return PlainTextResponse("The address is too long.", 414)
        origin = headers.get("origin")
        scheme = "https" if self.secure else "http"
        if origin is not None and origin not in {f"{scheme}://{host}" for host in self.hosts}:
            return PlainTextResponse("Another page may not talk to this server.", 403)
        if scope["method"] not in _READING:
            if origin is None:
                return PlainTextResponse("Expected an Origin.", 403)
            length = headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > self.largest:
                return PlainTextResponse("The body is too large.", 413)
        if scope["path"] == "/" and scope["method"] == "GET":
            return self._hand_over(scope, headers)
        if not self._knows(headers):
            return PlainTextResponse("Open the address that `alcseg review` printed.", 401)
        return None

    def _hand_over(self, scope: Scope, headers: Headers) -> PlainTextResponse | RedirectResponse | None:
        """Turn the token of the first address into a cookie, and take it out of the address."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.pop("token", None)
        if given is None:
            if self._knows(headers):
                return None
            return PlainTextResponse(
                "Open the address that `alcseg review` printed; it carries a token.", 401
            )
        if not hmac.compare_digest(given[0].encode(), self.token.encode()):
            return PlainTextResponse("Wrong token. Open the address that `alcseg review` printed.", 401)
        rest = urlencode(query, doseq=True)
        answer = RedirectResponse("/" + (f"?{rest}" if rest else ""), 303)
        # Lax, not strict: links of a report, a file on disk, lead here. Whatever writes needs an Origin, too.
        answer.set_cookie(self._cookie, self.token, httponly=True, samesite="lax", secure=self.secure)
        return answer

    def _knows(self, headers: Headers) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        morsel = cookies.get(self._cookie)
        return morsel is not None and hmac.compare_digest(morsel.value.encode(), self.token.encode())
