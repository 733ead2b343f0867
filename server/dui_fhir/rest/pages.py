"""Two pages for who writes an application: ``openapi.json`` and ``docs``, beside the FHIR base of each tenant.

They tell what ``metadata`` tells, and nothing of a person. ``docs`` is one file without anything from elsewhere: its policy
lets the browser load nothing and speak to this server only.
"""

import base64
import gzip
import hashlib
from functools import cache
from importlib.resources import files
from uuid import uuid4

import orjson
from flask import Blueprint, Request, Response, request
from werkzeug.exceptions import NotFound as HttpNotFound

from dui_fhir.domain.errors import NotFound
from dui_fhir.rest import openapi
from dui_fhir.rest.errors import error_response
from dui_fhir.rest.outgoing import compressed
from dui_fhir.service import content
from dui_fhir.service.capabilities import statement
from dui_fhir.service.engine import Call, Engine
from dui_fhir.service.message import ServiceRequest, ServiceResponse


class Pages:
    """The pages of one engine; the full document is made once, and kept compressed: megabytes that compress well."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._full: dict[str, bytes] = {}

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        blueprint = Blueprint("pages", __name__)
        for prefix in ("", "/t/<tenant>"):
            blueprint.add_url_rule(f"{prefix}/openapi.json", view_func=self.openapi)
            blueprint.add_url_rule(f"{prefix}/docs", view_func=self.docs, strict_slashes=False)
        blueprint.add_url_rule("/", view_func=home)
        blueprint.add_url_rule("/schemas/plugin/<name>.schema.json", view_func=plugin_schema)
        return blueprint

    def openapi(self, tenant: str | None = None) -> Response:
        """Return the OpenAPI document; ``?type=Patient,Goal`` tells these types in full, ``?type=`` none, absent all."""
        try:
            base_url = self._base_url(tenant)
            return _served(gzip.decompress(self._document(tenant, base_url)), "application/json")
        except NotFound as error:
            return error_response(request, error, request_id=str(uuid4()))

    def docs(self, tenant: str | None = None) -> Response:
        """Return the page."""
        try:
            self._base_url(tenant)
        except NotFound as error:
            return error_response(request, error, request_id=str(uuid4()))
        response = _served(page(), "text/html")
        response.headers["Content-Security-Policy"] = policy()
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _base_url(self, tenant: str | None) -> str:
        """Return the FHIR base told in the page. Raises: NotFound (``tenant-unknown``)."""
        self._engine.stores.open(tenant or self._engine.settings.default_tenant)
        host = self._engine.settings.public_url.rstrip("/") or f"{request.scheme}://{request.host}"
        return f"{host}/t/{tenant}/fhir" if tenant else f"{host}/fhir"

    def _document(self, tenant: str | None, base_url: str) -> bytes:
        name = tenant or self._engine.settings.default_tenant
        wanted = ServiceRequest(tenant=name, method="GET", path="metadata", base_url=base_url)
        call = Call(engine=self._engine, request=wanted, dispatch=_no_inner_request)
        types = _types(request)
        if types is not None:
            return self._made(call, types)
        tuned = self._engine.tunings.fresh(name, call.store)
        key = f"{base_url} {name} {tuned.version}" if tuned.own else base_url
        if key not in self._full:
            # the base comes from the Host header: kept for one, so that nobody fills the memory with invented ones
            self._full = {key: self._made(call, None)}
        return self._full[key]

    def _made(self, call: Call, types: frozenset[str] | None) -> bytes:
        view = openapi.View(
            statement=statement(call),
            operations=self._engine.operations,
            options=call.options,
            base_url=call.request.base_url,
            types=types,
        )
        return gzip.compress(orjson.dumps(openapi.document(view)), compresslevel=3, mtime=0)


def plugin_schema(name: str) -> Response:
    """Return the JSON Schema of a file of corridors (``plugin``, ``rule-schema``…), for the editors of who writes one."""
    from dui_fhir.plugin_kit.published import schema  # the tools of corridors' authors, which serving does not need

    found = schema(name)
    if found is None:
        error = NotFound.of("core-url-unknown", "Aucun schéma de ce nom.", "no such schema")
        return error_response(request, error, request_id=str(uuid4()))
    return _served(found, "application/schema+json")


def _no_inner_request(inner: ServiceRequest) -> ServiceResponse:
    raise AssertionError("a page asks nothing of the server")


def _types(request: Request) -> frozenset[str] | None:
    given = request.args.get("type")
    if given is None:
        return None
    return frozenset(content.known_type(name) for name in given.split(",") if name)


def _served(body: bytes, media: str) -> Response:
    sent, encoding = compressed(body, request.headers.get("Accept-Encoding", ""))
    response = Response(sent, mimetype=media)
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = "no-cache"
    if encoding:
        response.headers["Content-Encoding"] = encoding
    response.set_etag(hashlib.sha256(body).hexdigest()[:32], weak=True)
    response.make_conditional(request)
    return response


def home() -> Response:
    """Send who types the bare address in a browser to the page that tells what is here; programs get a 404, as everywhere."""
    if "text/html" not in request.headers.get("Accept", ""):
        raise HttpNotFound
    return Response(status=302, headers={"Location": "/docs", "Vary": "Accept"})


@cache
def page() -> bytes:
    """Return the page with its style and its script inside."""
    html, style, script = (_static(name) for name in ("docs.html", "docs.css", "docs.js"))
    return html.replace("/*style*/", style).replace("/*script*/", script).encode()


@cache
def policy() -> str:
    """Return the Content-Security-Policy: this style, this script, requests to this server, nothing else."""
    style, script = (_hash(_static(name)) for name in ("docs.css", "docs.js"))
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _static(name: str) -> str:
    return files("dui_fhir.rest").joinpath("static", name).read_text(encoding="utf-8")
