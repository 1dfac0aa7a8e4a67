"""Exactly one refresh: lease, intent, send, save first, judge after."""
