"""The web page of the documents: static files, no build step."""

from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.responses import FileResponse, PlainTextResponse
from starlette.routing import Route

_HERE: Final = Path(__file__).parent
_OPENAPI: Final = Path("esoffice/es/v1/web_documents.openapi.json")
_FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/words.js": ("words.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
HEADERS: Final = {
    # Only what this server sends, and a document in a frame; nothing written into the page runs.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


def app() -> Any:
    """Return the ASGI application of the page, the contract's OpenAPI description and a sign of life."""
    import esoffice.es.v1.web_documents_pb2 as contract

    described = Path(contract.__file__).with_name(_OPENAPI.name)
    routes = [_file(path, _HERE / name, kind) for path, (name, kind) in _FILES.items()]
    routes += [_file("/openapi.json", described, "application/json"), Route("/healthz", _alive)]
    return Starlette(routes=routes)


def _file(path: str, file: Path, kind: str) -> Route:
    async def answer(_request: Any) -> FileResponse:
        return FileResponse(file, media_type=kind, headers=HEADERS)

    return Route(path, answer, methods=["GET"])


async def _alive(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("alive\n")
