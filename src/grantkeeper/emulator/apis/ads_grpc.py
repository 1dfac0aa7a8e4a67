"""Google Ads over gRPC with TLS: each call becomes the REST call that it corresponds to, and the answer is put back.

So there is one place that knows the API, one log and one set of faults. The messages are google-ads' own protobuf
types, imported with the first call of a version, for that costs 0.5 s. Source: google-ads 34 (method names, and a
failure in the trailing metadata as its ExceptionInterceptor reads it); google/rpc/code.proto, 2026-11-22.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from grantkeeper.emulator.apis.ads.messages import fill
from grantkeeper.emulator.apis.status import Code
from grantkeeper.emulator.oauth.faults import AnswerLost
from grantkeeper.emulator.wire import Request, Response

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator

_METHOD = re.compile(
    r"/google\.ads\.googleads\.(v[0-9]+)\.services\."
    r"(CustomerService/ListAccessibleCustomers|GoogleAdsService/Search|GoogleAdsService/SearchStream)"
)
_WORKERS = 16
_GRACE_SECONDS = 0.5
"""How long calls under way may go on once the server is stopped."""
_KEPT = (
    "authorization",
    "login-customer-id",
    "linked-customer-id",
    "developer-token",
    "x-goog-api-client",
    "user-agent",
)
_FAILURE = "errors.GoogleAdsFailure"
_CARRIED = (_FAILURE, "google.rpc.ErrorInfo")
_BY_HTTP = {code.http: code for code in reversed(Code)}
"""Of several codes with one status, the first."""


class MissingExtra(ImportError):
    """What gRPC needs is not installed."""


@dataclass(frozen=True, slots=True)
class Server:
    """A gRPC server that runs: the port it listens on, and the way to end it."""

    port: int
    _server: Any

    def stop(self) -> None:
        """Stop listening, let calls under way end, and return when they have."""
        self._server.stop(_GRACE_SECONDS).wait()


def start(emulator: Emulator, port: int, certificate_pem: bytes, key_pem: bytes, host: str = "127.0.0.1") -> Server:
    """Serve on a port (0: any that is free) with the certificate chain and key, both PEM.

    Raises:
        MissingExtra: grpc or google-ads is not installed.
        OSError: the port is taken.
    """
    grpc = _module("grpc")
    _module("google.ads.googleads")
    server = grpc.server(
        ThreadPoolExecutor(_WORKERS, thread_name_prefix="emulator-grpc"), handlers=(_Handler(emulator, grpc),)
    )
    credentials = grpc.ssl_server_credentials([(key_pem, certificate_pem)])
    try:
        bound = server.add_secure_port(f"{host}:{port}", credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {host}:{port}: {error}") from error
    server.start()
    return Server(bound, server)


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        text = "the emulator's gRPC server needs the google-ads package: pip install 'grantkeeper[google-ads]'"
        raise MissingExtra(text) from error


@dataclass(frozen=True, slots=True)
class _Handler:
    """Finds the method for a path (a grpc.GenericRpcHandler by its look); no path, no method: UNIMPLEMENTED."""

    emulator: Emulator
    grpc: Any

    def service(self, details: Any) -> Any:
        """Return what answers the method, or None."""
        match = _METHOD.fullmatch(details.method)
        if match is None:
            return None
        try:
            messages = _messages(match[1])
        except ModuleNotFoundError:
            return None  # a version that the installed google-ads does not have
        return _BEHAVIOURS[match[2]](self.grpc, _Bridge(self.emulator, messages))


@dataclass(frozen=True, slots=True)
class _Messages:
    """The protobuf classes of one API version."""

    version: str
    services: Mapping[str, Any]
    failure: Any


@cache
def _messages(version: str) -> _Messages:
    base = f"google.ads.googleads.{version}"
    google_ads = import_module(f"{base}.services.types.google_ads_service")
    customer = import_module(f"{base}.services.types.customer_service")
    failure = import_module(f"{base}.errors.types.errors").GoogleAdsFailure.pb()
    services = {
        name: getattr(module, name).pb()
        for module, prefix in (
            (customer, "ListAccessibleCustomers"),
            (google_ads, "SearchGoogleAds"),
            (google_ads, "SearchGoogleAdsStream"),
        )
        for name in (f"{prefix}Request", f"{prefix}Response")
    }
    return _Messages(version, services, failure)


@dataclass(frozen=True, slots=True)
class _Bridge:
    """Carries calls of one API version over to `Emulator.handle`."""

    emulator: Emulator
    messages: _Messages

    def list_customers(self, _request: Any, context: Any) -> Any:
        """Answer ListAccessibleCustomers."""
        answer = self._handle(context, "GET", "customers:listAccessibleCustomers")
        return self._parse(answer, "ListAccessibleCustomersResponse")

    def search(self, request: Any, context: Any) -> Any:
        """Answer Search."""
        answer = self._handle(context, "POST", _path(request, "search"), _json(request))
        return self._parse(answer, "SearchGoogleAdsResponse")

    def stream(self, request: Any, context: Any) -> Iterator[Any]:
        """Answer SearchStream."""
        for batch in self._handle(context, "POST", _path(request, "searchStream"), _json(request)):
            yield self._parse(batch, "SearchGoogleAdsStreamResponse")

    def _handle(self, context: Any, method: str, path: str, message: Mapping[str, Any] | None = None) -> Any:
        """Return the answer's JSON; ends the call when it is a refusal."""
        headers = {key: value for key, value in context.invocation_metadata() if key in _KEPT}
        request = Request(
            method=method,
            url=f"/{self.messages.version}/{path}",
            headers=headers | {"content-type": "application/json"},
            body=b"" if message is None else json.dumps(message).encode(),
        )
        try:
            response = self.emulator.handle(request)
        except AnswerLost:
            self._abort(context, Code.UNAVAILABLE, "Socket closed", ())
        request_id = response.header("request-id")
        context.send_initial_metadata((("request-id", request_id),) if request_id else ())
        if response.status != 200:
            self._refuse(context, response, request_id)
        context.set_trailing_metadata((("request-id", request_id),))
        return response.json()

    def _parse(self, message: Mapping[str, Any], name: str) -> Any:
        return fill(self.messages.services[name](), message)

    def _refuse(self, context: Any, response: Response, request_id: str) -> NoReturn:
        """End the call with the status, the failure and the id that the REST answer holds."""
        error = _error(response)
        code = Code.__members__.get(error.get("status", ""), _BY_HTTP.get(response.status, Code.INTERNAL))
        message = error.get("message") or f"{response.status}"
        details = [each for each in error.get("details", ()) if each.get("@type", "").endswith(_CARRIED)]
        metadata: list[tuple[str, str | bytes]] = [("request-id", request_id)] if request_id else []
        metadata += [("grpc-status-details-bin", self._status(code, message, details))] if details else []
        for detail in details:
            if detail["@type"].endswith(_FAILURE):
                key = f"google.ads.googleads.{self.messages.version}.errors.googleadsfailure-bin"
                metadata.append((key, self._any(detail).value))
        self._abort(context, code, message, tuple(metadata))

    def _abort(self, context: Any, code: Code, message: str, metadata: tuple[tuple[str, str | bytes], ...]) -> NoReturn:
        context.set_trailing_metadata(metadata)
        context.abort(_module("grpc").StatusCode[code.name], message)
        raise AssertionError("abort() always raises")

    def _status(self, code: Code, message: str, details: list[Mapping[str, Any]]) -> bytes:
        """Return a serialized google.rpc.Status."""
        status = import_module("google.rpc.status_pb2").Status(code=code.number, message=message)
        status.details.extend(self._any(each) for each in details)
        return bytes(status.SerializeToString())

    def _any(self, detail: Mapping[str, Any]) -> Any:
        """Return a google.protobuf.Any made from its JSON form."""
        fields = {key: value for key, value in detail.items() if key != "@type"}
        is_failure = detail["@type"].endswith(_FAILURE)
        kind = self.messages.failure if is_failure else import_module("google.rpc.error_details_pb2").ErrorInfo
        packed = import_module("google.protobuf.any_pb2").Any()
        # A code that this version does not have yet is left out: what an older client would make of it.
        packed.Pack(import_module("google.protobuf.json_format").ParseDict(fields, kind(), ignore_unknown_fields=True))
        return packed


def _path(request: Any, method: str) -> str:
    return f"customers/{quote(request.customer_id, safe='')}/googleAds:{method}"


def _json(request: Any) -> dict[str, Any]:
    """Return the message in its JSON form, without what is in the path."""
    message: dict[str, Any] = import_module("google.protobuf.json_format").MessageToDict(request)
    message.pop("customerId", None)
    return message


def _error(response: Response) -> dict[str, Any]:
    """Return the error of an answer, which is any body that a fault put there, or none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _unary(name: str, behaviour: Callable[[_Bridge], Any]) -> Callable[[Any, _Bridge], Any]:
    return lambda grpc, bridge: grpc.unary_unary_rpc_method_handler(
        behaviour(bridge), bridge.messages.services[f"{name}Request"].FromString, _serialize
    )


def _streamed(grpc: Any, bridge: _Bridge) -> Any:
    kind = bridge.messages.services["SearchGoogleAdsStreamRequest"]
    return grpc.unary_stream_rpc_method_handler(bridge.stream, kind.FromString, _serialize)


def _serialize(message: Any) -> bytes:
    return bytes(message.SerializeToString())


_BEHAVIOURS: Mapping[str, Callable[[Any, _Bridge], Any]] = {
    "CustomerService/ListAccessibleCustomers": _unary("ListAccessibleCustomers", lambda bridge: bridge.list_customers),
    "GoogleAdsService/Search": _unary("SearchGoogleAds", lambda bridge: bridge.search),
    "GoogleAdsService/SearchStream": _streamed,
}
