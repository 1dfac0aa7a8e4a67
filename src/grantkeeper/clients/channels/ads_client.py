"""The GoogleAdsClient that `google_ads.client` returns. Imports google-ads."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from google.ads.googleads import client as library
from google.ads.googleads.client import GoogleAdsClient
from google.ads.googleads.interceptors import ExceptionInterceptor, LoggingInterceptor, MetadataInterceptor
from google.ads.googleads.util import convert_upper_case_to_snake_case

from .pool import Channels

_CHANNELS: Final = Channels()
"""Of the process, as gRPC's own connections are: clients are made one by one, by code that knows of no other."""

_OVER_HTTP: Final = "YouTubeVideoUploadService"
"""The library passes credentials into it (google-ads 34, client.py)."""


class GrantAdsClient(GoogleAdsClient):  # type: ignore[misc,unused-ignore]
    """A GoogleAdsClient of a grant: the same in all, but that its services share connections with others'.

    `customer_id` is the account that it was made for, or None. Services for asyncio open connections of their own, as
    the library has it.
    """

    def __init__(self, *, customer_id: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.customer_id = customer_id

    def get_service(
        self,
        name: str,
        version: str = library._DEFAULT_VERSION,  # noqa: SLF001 - the library's own default
        interceptors: list[Any] | None = None,
        is_async: bool = False,
    ) -> Any:
        """Return a service client, as GoogleAdsClient.get_service does; raises ValueError when there is none."""
        version = self.version or version
        kind = None if is_async or name == _OVER_HTTP else _service(name, version)
        if kind is None:
            return super().get_service(name, version, interceptors, is_async)
        endpoint = self.endpoint or kind.DEFAULT_ENDPOINT
        above = [
            *(interceptors or ()),
            MetadataInterceptor(
                self.developer_token,
                self.login_customer_id,
                self.linked_customer_id,
                ads_assistant=self._ads_assistant,
            ),
            LoggingInterceptor(library._logger, version, endpoint),  # noqa: SLF001 - the library's own logger
            ExceptionInterceptor(version, use_proto_plus=self.use_proto_plus),
        ]
        options = library._GRPC_CHANNEL_OPTIONS  # noqa: SLF001 - sizes that the library needs
        channel = _CHANNELS.lend(endpoint, options, self.credentials, above)
        transport = kind.get_transport_class()(channel=channel, client_info=library._CLIENT_INFO)  # noqa: SLF001
        return kind(transport=transport)


def _service(name: str, version: str) -> Any:
    """Return the class of a service, None when the library has none of this name."""
    module = f"google.ads.googleads.{version}.services.services.{convert_upper_case_to_snake_case(name)}"
    try:
        return getattr(import_module(module), f"{name}Client")
    except (AttributeError, ModuleNotFoundError):
        return None
