"""What the official clients raise when an API refuses, as errors of ours. Nothing of Google is imported here."""

from .judging import Judged, judged

__all__ = ["Judged", "judged"]
