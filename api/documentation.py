"""/docs: Swagger UI from the package that ships it, so that nothing is loaded from elsewhere."""

from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

OWN = Path(__file__).parent / "docs"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
"""Content-Security-Policy; the inline styles are Swagger UI's own."""

_SHIPPED = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")


def mount_docs(app: Starlette) -> None:
    """Serve /docs and its files."""
    shipped = Path(str(files("fastapi_offline"))) / "static"
    paths = {name: shipped / name for name in _SHIPPED} | {"start.js": OWN / "start.js"}
    page = (OWN / "index.html").read_text(encoding="utf-8")

    async def show(request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": POLICY})

    async def asset(request: Request) -> Response:
        path = paths.get(request.path_params["name"])
        if path is None:
            return Response(status_code=404)
        return FileResponse(path, headers={"cache-control": "max-age=86400"})

    app.router.routes.append(Route("/docs", show))
    app.router.routes.append(Route("/docs/{name}", asset))
