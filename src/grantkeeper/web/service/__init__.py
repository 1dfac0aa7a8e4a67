"""The service: every page and the API in one ASGI application, with what has to stand in front of them."""

from .app import Service, service_app

__all__ = ["Service", "service_app"]
