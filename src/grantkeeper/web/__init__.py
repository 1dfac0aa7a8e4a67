"""grantkeeper's face for people: an ASGI application on Starlette (extra `server`)."""

from grantkeeper.web.app import grantkeeper_app

__all__ = ["grantkeeper_app"]
