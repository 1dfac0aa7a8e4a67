"""Grants, flows, accounts and events, as the newest migration leaves them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, SmallInteger, String, Table, UniqueConstraint, text

from ..columns import COUNTER, INSTANT, LONG, SEALED, exact
from .names import (
    ACCOUNT_LENGTH,
    CLIENT_LENGTH,
    EMAIL_LENGTH,
    ID_LENGTH,
    ISSUER_LENGTH,
    KIND_LENGTH,
    OWNER_LENGTH,
    PREFIX,
    SUBJECT_LENGTH,
    WORD_LENGTH,
    metadata,
)

installation: Final = Table(
    PREFIX + "installation",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),  # always 1: two rows cannot be
    Column("id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("epoch", BigInteger, nullable=False),  # the oldest revision whose code may use these tables
    Column("counted", BigInteger, nullable=False, server_default="0"),  # grows: a backup is behind
    Column("place", LONG),  # where this database lives: another place means a copy
)

grant: Final = Table(
    PREFIX + "grant",
    metadata,
    Column("id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("owner", exact(OWNER_LENGTH), nullable=False),
    Column("client", exact(CLIENT_LENGTH), nullable=False),
    Column("issuer", exact(ISSUER_LENGTH, ascii_only=True), nullable=False),
    Column("subject", exact(SUBJECT_LENGTH, ascii_only=True), nullable=False),
    Column("email", exact(EMAIL_LENGTH), nullable=False),
    Column("status", String(WORD_LENGTH), nullable=False),
    Column("reason", String(WORD_LENGTH), nullable=False),
    Column("scopes", LONG, nullable=False),
    Column("missing", LONG, nullable=False),
    Column("extra", LONG, nullable=False),
    Column("expires_at", INSTANT),
    Column("ends_at", INSTANT),
    Column("consented_at", INSTANT, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("refreshed_at", INSTANT),
    Column("version", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("data_key", SEALED),
    Column("sealed", SEALED),
    Column("ended", exact(ID_LENGTH, ascii_only=True), nullable=False),  # "" while it lives, its id once revoked:
    # a revoked grant is final, and the same person may consent again in a row of its own.
    Column("due_at", INSTANT),
    Column("used_at", INSTANT),
    Column("checked_at", INSTANT),
    # A refresh that is under way, or whose outcome is not known: saving a grant leaves these alone.
    Column("lease_owner", String(WORD_LENGTH)),
    Column("lease_until", INSTANT),  # by the database's clock: hosts need not agree
    Column("sent_at", INSTANT),
    Column("sends", SmallInteger, nullable=False, server_default="0"),
    Column("refused_at", INSTANT),
    Column("sharing", LONG),  # NULL: all
    Column("imported", exact(ID_LENGTH, ascii_only=True)),  # a hash of the refresh token that it was taken over with
    Column("imported_once", exact(ID_LENGTH, ascii_only=True)),  # the same, where no other live grant may have it
    Column("unconfirmed", SmallInteger, nullable=False, server_default="0"),  # 1: the business has not said who it is
    Column("warned_at", INSTANT),
    Column("used_on", BigInteger),  # the day of used_at, since 1970: what is used is found first among much that is due
    UniqueConstraint("owner", "client", "issuer", "subject", "ended", name=PREFIX + "grant_identity"),
    Index(PREFIX + "grant_work", "status", "client", "due_at"),
    Index(PREFIX + "grant_used", "status", "client", "used_on", "due_at"),
    Index(PREFIX + "grant_page", "client", "status", "id"),
    Index(PREFIX + "grant_email", "email"),
    Index(PREFIX + "grant_person", "issuer", "subject"),
    Index(PREFIX + "grant_unresolved", "sent_at"),
    Index(PREFIX + "grant_imported", "imported"),
    Index(PREFIX + "grant_imported_once", "imported_once", "ended", unique=True),
)

flow: Final = Table(
    PREFIX + "flow",
    metadata,
    Column("state_hash", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("browser_hash", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("owner", exact(OWNER_LENGTH), nullable=False),
    Column("client", exact(CLIENT_LENGTH), nullable=False),
    Column("redirect_uri", LONG, nullable=False),
    Column("data_key", SEALED),
    Column("sealed", SEALED),
    Column("expires_at", INSTANT, nullable=False),
    Column("grant_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("other_account", String(WORD_LENGTH), nullable=False),
    Column("forced_consent", Boolean, nullable=False),
    Column("consumed_at", INSTANT),
    Column("outcome", LONG, nullable=False),
    Column("result_grant_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("picker", LONG),
    Column("link_id", exact(ID_LENGTH, ascii_only=True), nullable=False, server_default=text("''")),
    Index(PREFIX + "flow_end", "expires_at"),
)

account: Final = Table(
    PREFIX + "account",
    metadata,
    Column("grant_id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("kind", exact(KIND_LENGTH, ascii_only=True), primary_key=True),
    Column("id", exact(ACCOUNT_LENGTH), primary_key=True),
    Column("name", LONG, nullable=False),
    Column("status", String(WORD_LENGTH), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("manager", Boolean, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("currency", String(WORD_LENGTH), nullable=False),
    Column("time_zone", String(WORD_LENGTH), nullable=False),
    Column("parents", LONG, nullable=False),
    Column("ways", LONG, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("found_at", INSTANT, nullable=False),
    Column("lost_at", INSTANT),
)

look: Final = Table(
    PREFIX + "look",
    metadata,
    Column("grant_id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("kind", exact(KIND_LENGTH, ascii_only=True), primary_key=True),
    Column("tried_at", INSTANT, nullable=False),
    Column("looked_at", INSTANT),
    Column("problem", LONG, nullable=False),
    Column("advice", LONG, nullable=False),
    Column("version", BigInteger, nullable=False),
)

event: Final = Table(
    PREFIX + "event",
    metadata,
    Column("id", COUNTER, primary_key=True, autoincrement=True),
    Column("kind", exact(KIND_LENGTH, ascii_only=True), nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("grant_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("owner", exact(OWNER_LENGTH), nullable=False),
    Column("client", exact(CLIENT_LENGTH), nullable=False),
    Column("data", LONG, nullable=False),
    Column("position", BigInteger),  # given once it is committed, so that nobody who goes by it misses one
    Index(PREFIX + "event_grant", "grant_id", "id"),
    Index(PREFIX + "event_position", "position", unique=True),
    sqlite_autoincrement=True,  # an id is never given again, not even that of the newest that was deleted
)
