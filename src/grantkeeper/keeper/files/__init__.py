"""Refresh tokens that people have in files: taking them over, and, where that is allowed, handing them out."""
