"""The business's own database: SQLite, or PostgreSQL by URL."""

from .store import SqlStore

__all__ = ["SqlStore"]
