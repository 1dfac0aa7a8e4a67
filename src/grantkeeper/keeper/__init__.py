"""The object with the verbs: the only place where protocol and I/O meet."""

from .keeper import Keeper

__all__ = ["Keeper"]
