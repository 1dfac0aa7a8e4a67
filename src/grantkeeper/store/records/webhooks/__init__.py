"""Rows of who is told of events, and how that goes."""
