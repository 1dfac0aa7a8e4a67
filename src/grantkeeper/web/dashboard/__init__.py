"""The operators' pages: who is connected, and what to do about those who are not."""

from grantkeeper.web.dashboard.app import dashboard_app

__all__ = ["dashboard_app"]
