"""The OpenAPI 3.1 document, made of the table of operations, and a page of it for people."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import jinja2
import msgspec

from grantkeeper import __version__
from grantkeeper.web.api.operations import Nothing, Operation
from grantkeeper.web.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCHEMAS: Final = "#/components/schemas/{name}"
_PAGE_POLICY: Final = (
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
)
_ID: Final = {"type": "string", "pattern": "^[A-Za-z0-9_.~-]{1,128}$"}
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "If-Match": {
        "description": "The ETag of the grant that you looked at.",
        "schema": {"type": "string", "pattern": '^(\\*|"v[1-9][0-9]{0,17}")$'},
    },
    "Idempotency-Key": {
        "description": "Of your choice, for this request: sent again within a day, it gets the same answer.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "Last-Event-ID": {
        "description": "For a stream: the position of the last event that you saw.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    },
}


@dataclass(frozen=True, slots=True)
class File:
    """Something to serve as it is."""

    body: bytes
    headers: list[tuple[bytes, bytes]]
    safe: tuple[tuple[bytes, bytes], ...] = _PAGE_POLICY


class Document:
    """The document, as JSON at /openapi.json and for reading at /docs."""

    def __init__(self, operations: Sequence[Operation], *, url: str, name: str) -> None:
        self._operations, self._url, self._name = operations, url, name

    def answer(self, path: str) -> File | None:
        """Return what is at this path, None when nothing is."""
        if path == "/openapi.json":
            return File(self.json, [(b"content-type", b"application/json")])
        if path == "/docs":
            return File(self.page, [(b"content-type", b"text/html; charset=utf-8")])
        if path == "/docs/style.css":
            return File(_style(), [(b"content-type", b"text/css; charset=utf-8")])
        return None

    @cached_property
    def json(self) -> bytes:
        """The document as it is sent."""
        return json.dumps(self.content, indent=1).encode()

    @cached_property
    def content(self) -> dict[str, Any]:
        """The document (OpenAPI 3.1.1)."""
        types = [Problem, *filter(None, (each.body for each in self._operations))]
        types += [each.query for each in self._operations if each.query is not Nothing]
        types += [each.answers for each in self._operations if each.answers is not None]
        _, schemas = msgspec.json.schema_components(list(dict.fromkeys(types)), ref_template=_SCHEMAS)
        paths: dict[str, dict[str, Any]] = {}
        for each in self._operations:
            paths.setdefault(each.path, {})[each.method.lower()] = _described(each, schemas)
        return {
            "openapi": "3.1.1",
            "info": {"title": f"grantkeeper{f' of {self._name}' if self._name else ''}", "version": __version__},
            "servers": [{"url": self._url or "/"}],
            "security": [{"key": []}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            },
        }

    @cached_property
    def page(self) -> bytes:
        """The document for people: complete without a script."""
        templates = jinja2.Environment(
            loader=jinja2.PackageLoader("grantkeeper.web"), autoescape=True, undefined=jinja2.StrictUndefined
        )
        shown = templates.get_template("api.html").render(
            document=self.content,
            operations=self._operations,
            phrase=lambda status: HTTPStatus(status).phrase,
            version=hashlib.sha256(_style()).hexdigest()[:12],
            prefix=_path_of(self._url),
            pretty=lambda value: json.dumps(value, indent=2),
        )
        return shown.encode()


def _path_of(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).path.rstrip("/")


def _style() -> bytes:
    return resources.files("grantkeeper.web").joinpath("static", "api.css").read_bytes()


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.description} Needs the scope `{operation.scope}`.".strip(),
        "parameters": [*_places(operation), *_query(operation, schemas), *_headers(operation)],
        "responses": {
            str(operation.status): _good(operation),
            **{str(status): _bad(status) for status in operation.statuses},
        },
    }
    if operation.body is not None:
        needed = any(field.required for field in msgspec.structs.fields(operation.body))
        content = {"application/json": {"schema": _ref(operation.body)}}
        described["requestBody"] = {"required": needed, "content": content}
    return described


def _places(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": _ID} for name in operation.places]


def _query(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of a query; a parameter cannot be null, only left out."""
    if operation.query is Nothing:
        return []
    properties = schemas[operation.query.__name__]["properties"]
    required = {field.name for field in msgspec.structs.fields(operation.query) if field.required}
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _not_null(schema)}
        for name, schema in properties.items()
    ]


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    default = {"default": schema["default"]} if schema.get("default") is not None else {}
    return {**rest, **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}), **default}


def _headers(operation: Operation) -> list[dict[str, Any]]:
    names = ["Idempotency-Key"] if operation.method == "POST" else []
    names += ["If-Match"] if 412 in operation.statuses else []
    names += ["Last-Event-ID"] if operation.streams else []
    return [{"name": name, "in": "header", "required": False, **_HEADERS[name]} for name in names]


def _good(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.answers is not None:
        described["content"] = {"application/json": {"schema": _ref(operation.answers)}}
    if operation.streams:
        described["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return described


def _bad(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref(Problem)}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _ref(kind: Any) -> dict[str, Any]:
    (found,), _ = msgspec.json.schema_components([kind], ref_template=_SCHEMAS)
    return dict(found)
