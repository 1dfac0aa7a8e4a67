"""The HTTP API, for programs in other processes and languages."""

from grantkeeper.web.api.app import Api, api_app

__all__ = ["Api", "api_app"]
