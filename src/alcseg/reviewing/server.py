"""Routes of the review server; what they do stands in `desk.py`, who may call them in `guard.py`.

No address names a file: cases are numbers of the queue, and of the page only what Vite has built is handed
out. A request that carries a drawing is one line of JSON, a line break, and one byte per voxel.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from alcseg.errors import AlcsegError, ResourceError, UsageError
from alcseg.records.decisions import VERDICTS
from alcseg.records.review_book import StaleError
from alcseg.reviewing.desk import Desk, Note
from alcseg.reviewing.guard import Guard
from alcseg.reviewing.readers import require_reader
from alcseg.reviewing.sheet import Indices

__all__ = ["STATIC", "create_app", "require_page"]

STATIC = Path(__file__).parent / "static"
"""The page, as Vite builds it from `web/`."""

_LARGEST = 1 << 29  # Bytes of a body: a drawing of 800 voxels cubed.

Answer: TypeAlias = Callable[[Desk, Request, bytes], Any]


def require_page() -> None:
    """Raise unless the page was built.

    Raises:
        ResourceError: If it was not.
    """
    if not (STATIC / "index.html").is_file():
        raise ResourceError(
            f"{STATIC}: expected the page of the review, found none: it is built where Node.js is installed. "
            "Call `make web` (or `npm ci && npm run build` in web/), or install a wheel, which carries it."
        )


def create_app(desk: Desk, *, token: str, hosts: frozenset[str], secure: bool = False) -> Starlette:
    """The server of one review.

    Args:
        desk: What it shows and where it writes.
        token: Secret of the address that opens the page.
        hosts: What a browser may name as `Host`, with port.
        secure: Whether it is served over TLS.
    """

    def route(path: str, answer: Answer, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(_answered, answer, desk, request, body)

        return Route(path, endpoint, methods=[method])

    case = "/api/cases/{number:int}"
    routes = [
        Route("/", _page),
        route("/api/queue", _queue),
        route("/api/conflicts", _conflicts),
        route("/api/conflicts/{decision:int}", _adopt, "POST"),
        route(case, _case),
        route(f"{case}/image.nii", _image),
        route(f"{case}/uncertainty", lambda desk, request, _: _bytes(_sheet(desk, request).uncertainty)),
        route(f"{case}/given", lambda desk, request, _: _bytes(_sheet(desk, request).given)),
        route(f"{case}/proposed", lambda desk, request, _: _bytes(_sheet(desk, request).proposed)),
        route(f"{case}/regions", lambda desk, request, _: _bytes(_sheet(desk, request).region_map)),
        route(f"{case}/drawing", _drawing),
        route(f"{case}/reading", _save, "PUT"),
        route(f"{case}/decision/{{verdict}}", _decide, "POST"),
        route(f"{case}/interpolation", _interpolate, "POST"),
        Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
    ]
    guard = Middleware(Guard, token=token, hosts=hosts, largest=_LARGEST, secure=secure)
    return Starlette(routes=routes, middleware=[guard])


async def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", media_type="text/html")


def _answered(answer: Answer, desk: Desk, request: Request, body: bytes) -> Response:
    """What a function returns as a response; what it refuses, as one line with a status."""
    try:
        found = answer(desk, request, body)
    except StaleError as error:
        return JSONResponse({"error": str(error)}, 409)
    except UsageError as error:
        return JSONResponse({"error": str(error)}, 400)
    except ResourceError as error:
        return JSONResponse({"error": str(error)}, 507)
    except AlcsegError as error:
        return JSONResponse({"error": str(error)}, 422)
    return found if isinstance(found, Response) else JSONResponse(found)


def _queue(desk: Desk, request: Request, _: bytes) -> Any:
    return desk.queue(*_reader(request))


def _case(desk: Desk, request: Request, _: bytes) -> Any:
    return desk.case(_number(request), *_reader(request))


def _image(desk: Desk, request: Request, _: bytes) -> Response:
    return Response(_sheet(desk, request).image_file(), media_type="application/octet-stream")


def _drawing(desk: Desk, request: Request, _: bytes) -> Response:
    return _bytes(desk.drawing(_number(request), *_reader(request)))


def _save(desk: Desk, request: Request, body: bytes) -> Any:
    note, drawn = _parse(desk, request, body)
    return {"version": desk.save(_number(request), *_reader(request), note, drawn).version}


def _decide(desk: Desk, request: Request, body: bytes) -> Any:
    note, drawn = _parse(desk, request, body)
    asked = request.path_params["verdict"]
    verdict = next((known for known in VERDICTS if known == asked), None)
    if verdict is None:
        raise UsageError(f"expected a verdict of {', '.join(VERDICTS)}, got '{asked:.20}'.")
    decision = desk.decide(_number(request), *_reader(request), verdict, note, drawn)
    return {"verdict": decision.verdict, "version": note.version + 1}


def _interpolate(desk: Desk, request: Request, body: bytes) -> Response:
    sheet = _sheet(desk, request)
    _require_grid(sheet.grid_hash, request)
    drawn = sheet.drawing(body)
    value, axis = (_whole(request.query_params.get(name, "")) for name in ("class", "axis"))
    return _bytes(desk.interpolate(_number(request), drawn, value, axis))


def _conflicts(desk: Desk, request: Request, _: bytes) -> Any:
    return [dataclasses.asdict(conflict) for conflict in desk.conflicts()]


def _adopt(desk: Desk, request: Request, _: bytes) -> Any:
    return desk.adopt(request.path_params["decision"], _reader(request)[0]).content()


def _parse(desk: Desk, request: Request, body: bytes) -> "tuple[Note, Indices | None]":
    """The note and the drawing of a body; the drawing may be absent."""
    line, _, drawing = body.partition(b"\n")
    try:
        note = Note.parse(json.loads(line))
    except (ValueError, RecursionError):
        raise UsageError("expected a line of JSON before the drawing, got something else.") from None
    if not drawing:
        return note, None
    sheet = _sheet(desk, request)
    _require_grid(sheet.grid_hash, request)
    return note, sheet.drawing(drawing)


def _require_grid(expected: str, request: Request) -> None:
    found = request.query_params.get("grid", "")
    if found != expected:
        raise UsageError(
            "expected a drawing on the grid of the case, got one on another. Load the case anew."
        )


def _sheet(desk: Desk, request: Request) -> Any:
    return desk.sheet(_number(request))


def _number(request: Request) -> int:
    return int(request.path_params["number"])


def _reader(request: Request) -> tuple[str, int]:
    """Who reads, and for which time."""
    turn = _whole(request.query_params.get("pass", "1"))
    return require_reader(request.query_params.get("reader", ""), turn), turn


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise UsageError(f"expected a whole number, got '{text:.20}'.")
    return int(text)


def _bytes(indices: "Indices | None") -> Response:
    """One byte per voxel, first axis fastest, as NIfTI and viewers have them."""
    if indices is None:
        return _nothing()
    return Response(indices.tobytes(order="F"), media_type="application/octet-stream")


def _nothing() -> Response:
    return Response(status_code=204)
