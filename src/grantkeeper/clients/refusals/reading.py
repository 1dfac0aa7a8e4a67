"""What an API said in a failure of an official client. Read by shape, so nothing of Google is imported.

A shape counts only in a class that is a library's own, or derived from one, and where it reads as the library has it.
Shapes of google-ads 34 (GoogleAdsException), googleads 51 (GoogleAdsServerFault), google-api-core 2.33 (exceptions),
google-api-python-client 2.202 (HttpError), grpcio 1.84 (RpcError), requests and httpx2 (raise_for_status).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from grantkeeper.accounts.refusals import meaning, rest_said
from grantkeeper.model import Response

_REQUEST_ID: Final = "request-id"
_ADS: Final = "google_ads"
_ANY: Final = "google"
_FAILURE: Final = re.compile(r"google\.ads\.googleads\.v[0-9]+\.errors\.googleadsfailure-bin")
_NOT_SENT: Final = "Getting metadata from plugin failed"
"""gRPC's words for credentials that brought no token (src/core/credentials/call/plugin): no API said anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What an API said. `errors` are its codes, one for each thing that is wrong, none above another.

    `otherwise` are codes that count, the first that is known, where none of `errors` is known. `tried_again` is True
    where the library itself has already asked again with another token.
    """

    api: str
    errors: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()
    said: str = ""
    request_id: str = ""
    retry_after: timedelta | None = None
    tried_again: bool = False


_LIBRARIES: Final = frozenset({"google", "googleads", "googleapiclient", "grpc", "httpx", "httpx2", "requests"})


def read(error: BaseException, *, sent: Callable[[str], bool]) -> Refusal | None:
    """Return what an API said in a failure; None when it is not the failure of an API call.

    `sent` tells whether an access token is one that the caller's credentials have sent.
    """
    if not any(each.__module__.partition(".")[0] in _LIBRARIES for each in type(error).__mro__):
        return None
    try:
        return _read(error, sent)
    except Exception:  # noqa: BLE001 - whatever does not read as it should is not for us, and must not hide the original
        return None


def _read(shape: Any, sent: Callable[[str], bool]) -> Refusal | None:
    if hasattr(shape, "failure"):
        return _google_ads(shape.failure, shape.request_id or "")
    if hasattr(shape, "document") and hasattr(shape, "errors"):
        return _soap(shape)
    if hasattr(shape, "resp") and hasattr(shape, "content"):  # googleapiclient.errors.HttpError: httplib2's answer
        return _rest(_response(shape.resp.status, shape.resp, shape.content))
    answer = getattr(shape, "response", None)
    if answer is None or not hasattr(answer, "status_code"):
        return _grpc(shape)
    # Others, too, raise so for an answer of anybody's: what our credentials did not ask for is not for us.
    bearer = _bearer(answer)
    return _http(answer) if bearer and sent(bearer) else None


# --- google-ads ------------------------------------------------------------------------------------------------------


def _google_ads(failure: Any, request_id: str) -> Refusal:
    failure = _plain(failure)
    return Refusal(
        api=_ADS,
        errors=tuple(code for each in failure.errors if (code := _ads_code(each.error_code))),
        said=next((each.message for each in failure.errors if each.message), ""),
        request_id=request_id or failure.request_id,
        retry_after=max((delay for each in failure.errors if (delay := _ads_delay(each))), default=None),
    )


def _plain(message: Any) -> Any:
    """Return the protobuf message below one of proto-plus."""
    below = getattr(type(message), "pb", None)
    return below(message) if below else message


def _ads_code(error_code: Any) -> str:
    """Return `AuthorizationError.USER_PERMISSION_DENIED`: the member of the union that is set, and its value's name."""
    member = error_code.WhichOneof("error_code")
    if member is None:
        return ""
    values = error_code.DESCRIPTOR.fields_by_name[member].enum_type.values_by_number
    number = getattr(error_code, member)
    kind = "".join(word.capitalize() for word in member.split("_"))
    return f"{kind}.{values[number].name if number in values else number}"


def _ads_delay(each: Any) -> timedelta | None:
    delay: timedelta = each.details.quota_error_details.retry_delay.ToTimedelta()
    return delay or None


# --- googleads (SOAP) ------------------------------------------------------------------------------------------------


def _soap(error: Any) -> Refusal:
    return Refusal(api="ad_manager", errors=tuple(_soap_codes(error.errors)), said=str(error))


def _soap_codes(errors: Iterable[Any] | None) -> Iterator[str]:
    """Yield `AuthenticationError.NETWORK_NOT_FOUND` ...: the errors are zeep objects, read by subscription."""
    for each in errors or ():
        try:
            yield str(each["errorString"])
        except (KeyError, TypeError, AttributeError):
            continue


# --- REST ------------------------------------------------------------------------------------------------------------


def _bearer(answer: Any) -> str:
    """Return the access token that an answer of requests or httpx2 was asked for with, or ""."""
    scheme, _, token = str(answer.request.headers.get("authorization", "")).partition(" ")
    return token if scheme == "Bearer" else ""


def _http(answer: Any) -> Refusal | None:
    """Read an answer of requests or httpx2.

    Of one that was streamed the body may be gone. Then the status has to do; of a 403 it cannot: that has many reasons,
    and who must act depends on them.
    """
    try:
        body = answer.content
    except RuntimeError:  # httpx2.ResponseNotRead, and requests' "content already consumed"
        if answer.status_code not in (401, 429) and answer.status_code < 500:
            return None
        body = b""
    return _rest(_response(answer.status_code, answer.headers, body))


def _response(status: int, headers: Mapping[str, str], body: bytes | str) -> Response:
    lowered = {name.lower(): str(value) for name, value in headers.items()}
    return Response(status=int(status), headers=lowered, body=body.encode() if isinstance(body, str) else body)


def _rest(answer: Response) -> Refusal:
    said = rest_said(answer)
    errors = tuple(code for code in said.codes if "." in code)  # a GoogleAdsFailure, in JSON
    return Refusal(
        api=_ADS if errors else _ANY,
        errors=errors,
        otherwise=() if errors else _telling(answer.status, said.codes),
        said=said.words,
        request_id=said.request_id,
        retry_after=said.retry_after,
        tried_again=True,
    )


def _telling(status: int, codes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the codes that may count: of a 401 its own one, of what passes only codes that say so."""
    if status == 401:
        return codes[:1]
    if status == 429 or status >= 500:
        return tuple(each for each in codes if (found := meaning(_ANY, each)) and found.who == "wait")
    return codes


# --- gRPC ------------------------------------------------------------------------------------------------------------


def _grpc(error: Any) -> Refusal | None:
    """Read a google.api_core error that came over gRPC, or a bare grpc.RpcError."""
    status: Any = getattr(error, "grpc_status_code", None)
    call: Any = getattr(error, "response", None)
    code = getattr(error, "code", None)
    if status is None and callable(code):
        status, call = code(), error
    name = str(getattr(status, "name", ""))
    words = str((error.details() if call is error else getattr(error, "message", "")) or "")
    if not name or _NOT_SENT in words:
        return None
    metadata = _metadata(call)
    request_id = str(metadata.get(_REQUEST_ID, ""))
    failure = next((_failure(key, value) for key, value in metadata.items() if _FAILURE.fullmatch(key)), None)
    if failure is not None:
        return _google_ads(failure, request_id)
    reason = str(getattr(error, "reason", "") or "")
    codes = (reason or name,) if name == "UNAUTHENTICATED" else (reason, name)
    return Refusal(api=_ANY, otherwise=codes, said=words, request_id=request_id)


def _metadata(call: Any) -> dict[str, Any]:
    trailing = getattr(call, "trailing_metadata", None)
    return dict((trailing() if trailing else None) or ())


def _failure(key: str, value: bytes) -> Any:
    """Return the GoogleAdsFailure that came with a call: google-ads makes none of INTERNAL and RESOURCE_EXHAUSTED."""
    module = import_module(f"{key.rpartition('.')[0]}.types.errors")
    return module.GoogleAdsFailure.deserialize(value)
