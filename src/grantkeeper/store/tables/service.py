"""The tables of the service, as the newest migration leaves them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, SmallInteger, String, Table, UniqueConstraint

from ..columns import COUNTER, INSTANT, LONG, SEALED, exact
from .names import (
    CLIENT_LENGTH,
    EMAIL_LENGTH,
    ID_LENGTH,
    ISSUER_LENGTH,
    KIND_LENGTH,
    NAME_LENGTH,
    OWNER_LENGTH,
    PREFIX,
    SUBJECT_LENGTH,
    TARGET_LENGTH,
    WORD_LENGTH,
    metadata,
)

head: Final = Table(
    PREFIX + "head",
    metadata,
    Column("name", exact(WORD_LENGTH, ascii_only=True), primary_key=True),  # `event` or `audit`: locked by who appends
    Column("number", BigInteger, nullable=False),
    Column("mac", exact(ID_LENGTH, ascii_only=True), nullable=False),
)

link: Final = Table(
    PREFIX + "link",
    metadata,
    Column("id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("token_hash", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("owner", exact(OWNER_LENGTH), nullable=False),
    Column("client", exact(CLIENT_LENGTH), nullable=False),
    Column("status", String(WORD_LENGTH), nullable=False),
    Column("confirm", String(WORD_LENGTH), nullable=False),
    Column("expect", LONG),
    Column("return_to", LONG, nullable=False),
    Column("picker", LONG),
    Column("language", String(WORD_LENGTH), nullable=False),
    Column("other_account", String(WORD_LENGTH), nullable=False),
    Column("message", LONG, nullable=False),
    Column("grant_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("reason", String(WORD_LENGTH), nullable=False),
    Column("result_grant_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("failure", LONG, nullable=False),
    Column("created_by", exact(NAME_LENGTH), nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("opened_at", INSTANT),
    Column("consented_at", INSTANT),
    Column("confirmed_at", INSTANT),
    Column("failed_at", INSTANT),
    Column("revoked_at", INSTANT),
    Column("data_key", SEALED),
    Column("sealed", SEALED),
    Column("proof_hash", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("proof_until", INSTANT),
    Column("proof_tries", SmallInteger, nullable=False),
    Column("code_tries", SmallInteger),  # NULL: no code is asked for
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("token_hash", name=PREFIX + "link_token"),
    Index(PREFIX + "link_newest", "created_at", "id"),
    Index(PREFIX + "link_owner", "owner", "created_at"),
    Index(PREFIX + "link_end", "status", "expires_at"),
    Index(PREFIX + "link_result", "result_grant_id"),
)

api_key: Final = Table(
    PREFIX + "api_key",
    metadata,
    Column("id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("secret_hash", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("name", exact(NAME_LENGTH), nullable=False),
    Column("scopes", LONG, nullable=False),
    Column("owners", LONG),  # NULL: any
    Column("clients", LONG),
    Column("distinct_per_minute", BigInteger),
    Column("created_at", INSTANT, nullable=False),
    Column("created_by", exact(NAME_LENGTH), nullable=False),
    Column("expires_at", INSTANT),
    Column("revoked_at", INSTANT),
    Column("last_used_at", INSTANT),
)

key_use: Final = Table(
    PREFIX + "key_use",
    metadata,
    Column("key_id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("grant_id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("reads", BigInteger, nullable=False),
    Column("first_at", INSTANT, nullable=False),
    Column("last_at", INSTANT, nullable=False),
    Index(PREFIX + "key_use_grant", "grant_id", "day"),
)

operator: Final = Table(
    PREFIX + "operator",
    metadata,
    Column("id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("email", exact(EMAIL_LENGTH), nullable=False),
    Column("issuer", exact(ISSUER_LENGTH, ascii_only=True), nullable=False),
    Column("subject", exact(SUBJECT_LENGTH, ascii_only=True), nullable=False),
    Column("hosted_domain", exact(NAME_LENGTH), nullable=False),
    Column("name", LONG, nullable=False),
    Column("role", String(WORD_LENGTH), nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("created_by", exact(NAME_LENGTH), nullable=False),
    Column("disabled_at", INSTANT),
    Column("seen_at", INSTANT),
    Index(PREFIX + "operator_person", "issuer", "subject"),
    Index(PREFIX + "operator_email", "email"),
)

invite: Final = Table(
    PREFIX + "invite",
    metadata,
    Column("token_hash", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("operator_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("used_at", INSTANT),
    Index(PREFIX + "invite_end", "expires_at"),
)

session: Final = Table(
    PREFIX + "session",
    metadata,
    Column("token_hash", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("operator_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("seen_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Index(PREFIX + "session_operator", "operator_id"),
    Index(PREFIX + "session_end", "expires_at"),
)

endpoint: Final = Table(
    PREFIX + "endpoint",
    metadata,
    Column("id", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("url", LONG, nullable=False),
    Column("kinds", LONG, nullable=False),
    Column("description", LONG, nullable=False),
    Column("status", String(WORD_LENGTH), nullable=False),
    Column("reason", LONG, nullable=False),
    Column("data_key", SEALED, nullable=False),
    Column("sealed", SEALED, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("created_by", exact(NAME_LENGTH), nullable=False),
    Column("failing_since", INSTANT),
    Column("held_until", INSTANT),
    Column("delivered_at", INSTANT),
    Column("version", BigInteger, nullable=False),
)

delivery: Final = Table(
    PREFIX + "delivery",
    metadata,
    Column("id", COUNTER, primary_key=True, autoincrement=True),
    Column("endpoint_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("kind", exact(KIND_LENGTH, ascii_only=True), nullable=False),
    Column("status", String(WORD_LENGTH), nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("due_at", INSTANT),  # NULL once it has ended
    Column("created_at", INSTANT, nullable=False),
    Column("delivered_at", INSTANT),
    Column("ended_at", INSTANT),
    Column("last_status", SmallInteger),
    Column("last_error", LONG, nullable=False),
    UniqueConstraint("endpoint_id", "event_id", name=PREFIX + "delivery_once"),
    Index(PREFIX + "delivery_due", "due_at"),
    Index(PREFIX + "delivery_turn", "endpoint_id", "due_at"),
    Index(PREFIX + "delivery_end", "ended_at"),
    Index(PREFIX + "delivery_event", "event_id"),
    sqlite_autoincrement=True,
)

audit: Final = Table(
    PREFIX + "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", INSTANT, nullable=False),
    Column("actor", exact(NAME_LENGTH), nullable=False),
    Column("action", exact(KIND_LENGTH, ascii_only=True), nullable=False),
    Column("target", exact(TARGET_LENGTH), nullable=False),
    Column("owner", exact(OWNER_LENGTH), nullable=False),
    Column("data", LONG, nullable=False),
    Column("personal", LONG),  # NULL once erased, with its salt
    Column("salt", exact(ID_LENGTH, ascii_only=True)),
    Column("personal_digest", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("key_id", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("mac", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Index(PREFIX + "audit_target", "target", "number"),
    Index(PREFIX + "audit_owner", "owner", "number"),
    Index(PREFIX + "audit_actor", "actor", "number"),
)

tally: Final = Table(
    PREFIX + "tally",
    metadata,
    Column("client", exact(CLIENT_LENGTH), primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("refreshed", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("trouble", BigInteger, nullable=False),
    Column("ours", BigInteger, nullable=False),
    Index(PREFIX + "tally_hour", "hour"),
)

client_state: Final = Table(
    PREFIX + "client_state",
    metadata,
    Column("client", exact(CLIENT_LENGTH), primary_key=True),
    Column("failing_since", INSTANT),
    Column("why", String(WORD_LENGTH), nullable=False),
    Column("changed_at", INSTANT, nullable=False),
)

answer: Final = Table(
    PREFIX + "answer",
    metadata,
    Column("key", exact(ID_LENGTH, ascii_only=True), primary_key=True),
    Column("fingerprint", exact(ID_LENGTH, ascii_only=True), nullable=False),
    Column("status", SmallInteger),  # NULL while it is under way
    Column("data_key", SEALED),
    Column("sealed", SEALED),
    Column("expires_at", INSTANT, nullable=False),
    Index(PREFIX + "answer_end", "expires_at"),
)
