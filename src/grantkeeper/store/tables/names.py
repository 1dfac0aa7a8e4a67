"""What the tables are called, and how long what stands in them may be."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

REVISIONS: Final = ("0001", "0002", "0003", "0004")
"""The schema's revisions that this code knows, oldest first; it runs on the last."""

PREFIX: Final = "grantkeeper_"
"""Every table's name begins so: they may live beside the application's own."""

VERSION_TABLE: Final = PREFIX + "alembic_version"

OWNER_LENGTH: Final = 255
CLIENT_LENGTH: Final = 100
ISSUER_LENGTH: Final = 255
SUBJECT_LENGTH: Final = 255  # OpenID Connect Core 2
EMAIL_LENGTH: Final = 320  # RFC 3696 errata 1690: 64 and 255 and the sign between
KIND_LENGTH: Final = 64  # names of our own
ACCOUNT_LENGTH: Final = 500  # a Search Console property is a URL; four bytes a character fit into an index of MySQL's
ID_LENGTH: Final = 64  # SHA-256 in hex, and room for any random id
MOST_SENDS: Final = 1000  # counted no further: the column is small, and a provider may be in trouble for weeks
NAME_LENGTH: Final = 255
TARGET_LENGTH: Final = 320  # `owner:` and an owner, or another such word and an id
WORD_LENGTH: Final = 64  # values of our own enumerations

metadata: Final = MetaData()
