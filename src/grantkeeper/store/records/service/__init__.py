"""Rows of what the service keeps beside grants."""
