"""Links, API keys, operators, webhooks, the audit log, and how clients do. Only adds: the code of 0003 goes on."""

import sqlalchemy as sa
from alembic import op

from grantkeeper.store.columns import COUNTER, INSTANT, LONG, SEALED, exact
from grantkeeper.store.migrations.steps import add_column, create_index, create_table, drop_index, let_others_in

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OF_GRANTS = {
    "work": ["status", "client", "due_at"],
    "used": ["status", "client", "used_on", "due_at"],
    "page": ["client", "status", "id"],
    "email": ["email"],
}


def upgrade() -> None:
    """Create the tables; grants get what says whether the business has confirmed them.

    On PostgreSQL nobody can read a table that has got a column, and nobody write one that gets an index, before the
    transaction ends: what takes no time has one of its own, and so has each index.
    """
    _add_columns()
    _create_indexes()
    _create_head()
    _create_link()
    _create_keys()
    _create_operators()
    _create_webhooks()
    _create_audit()
    _create_health()
    drop_index("grantkeeper_grant_due", "grantkeeper_grant")


def _ident(name: str, *, key: bool = False, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, exact(64, ascii_only=True), primary_key=key, nullable=null)


def _add_columns() -> None:
    add_column("grantkeeper_grant", sa.Column("unconfirmed", sa.SmallInteger, nullable=False, server_default="0"))
    add_column("grantkeeper_grant", sa.Column("warned_at", INSTANT))
    add_column("grantkeeper_grant", sa.Column("used_on", sa.BigInteger))
    add_column(
        "grantkeeper_flow",
        sa.Column("link_id", exact(64, ascii_only=True), nullable=False, server_default=sa.text("''")),
    )
    add_column("grantkeeper_event", sa.Column("position", sa.BigInteger))


def _create_indexes() -> None:
    for name, columns in _OF_GRANTS.items():
        let_others_in()
        create_index(f"grantkeeper_grant_{name}", "grantkeeper_grant", columns)
    let_others_in()
    create_index("grantkeeper_event_position", "grantkeeper_event", ["position"], unique=True)
    let_others_in()


def _create_head() -> None:
    create_table(
        "grantkeeper_head",
        _ident("name", key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        _ident("mac"),
    )
    heads = sa.table("grantkeeper_head", sa.column("name"), sa.column("number"), sa.column("mac"))
    there = set(op.get_bind().execute(sa.select(heads.c.name)).scalars())
    for name in ("event", "audit"):
        if name not in there and name.encode() not in there:
            op.get_bind().execute(sa.insert(heads).values(name=name, number=0, mac=""))


def _create_link() -> None:
    create_table(
        "grantkeeper_link",
        _ident("id", key=True),
        _ident("token_hash"),
        sa.Column("owner", exact(255), nullable=False),
        sa.Column("client", exact(100), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("confirm", sa.String(64), nullable=False),
        sa.Column("expect", LONG),
        sa.Column("return_to", LONG, nullable=False),
        sa.Column("picker", LONG),
        sa.Column("language", sa.String(64), nullable=False),
        sa.Column("other_account", sa.String(64), nullable=False),
        sa.Column("message", LONG, nullable=False),
        _ident("grant_id"),
        sa.Column("reason", sa.String(64), nullable=False),
        _ident("result_grant_id"),
        sa.Column("failure", LONG, nullable=False),
        sa.Column("created_by", exact(255), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        *(sa.Column(name, INSTANT) for name in ("opened_at", "consented_at", "confirmed_at", "failed_at")),
        sa.Column("revoked_at", INSTANT),
        sa.Column("data_key", SEALED),
        sa.Column("sealed", SEALED),
        _ident("proof_hash"),
        sa.Column("proof_until", INSTANT),
        sa.Column("proof_tries", sa.SmallInteger, nullable=False),
        sa.Column("code_tries", sa.SmallInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("token_hash", name="grantkeeper_link_token"),
    )
    create_index("grantkeeper_link_newest", "grantkeeper_link", ["created_at", "id"])
    create_index("grantkeeper_link_owner", "grantkeeper_link", ["owner", "created_at"])
    create_index("grantkeeper_link_end", "grantkeeper_link", ["status", "expires_at"])
    create_index("grantkeeper_link_result", "grantkeeper_link", ["result_grant_id"])


def _create_keys() -> None:
    create_table(
        "grantkeeper_api_key",
        _ident("id", key=True),
        _ident("secret_hash"),
        sa.Column("name", exact(255), nullable=False),
        sa.Column("scopes", LONG, nullable=False),
        sa.Column("owners", LONG),
        sa.Column("clients", LONG),
        sa.Column("distinct_per_minute", sa.BigInteger),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", exact(255), nullable=False),
        *(sa.Column(name, INSTANT) for name in ("expires_at", "revoked_at", "last_used_at")),
    )
    create_table(
        "grantkeeper_key_use",
        _ident("key_id", key=True),
        _ident("grant_id", key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reads", sa.BigInteger, nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
    )
    create_index("grantkeeper_key_use_grant", "grantkeeper_key_use", ["grant_id", "day"])
    create_table(
        "grantkeeper_answer",
        _ident("key", key=True),
        _ident("fingerprint"),
        sa.Column("status", sa.SmallInteger),
        sa.Column("data_key", SEALED),
        sa.Column("sealed", SEALED),
        sa.Column("expires_at", INSTANT, nullable=False),
    )
    create_index("grantkeeper_answer_end", "grantkeeper_answer", ["expires_at"])


def _create_operators() -> None:
    create_table(
        "grantkeeper_operator",
        _ident("id", key=True),
        sa.Column("email", exact(320), nullable=False),
        sa.Column("issuer", exact(255, ascii_only=True), nullable=False),
        sa.Column("subject", exact(255, ascii_only=True), nullable=False),
        sa.Column("hosted_domain", exact(255), nullable=False),
        sa.Column("name", LONG, nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", exact(255), nullable=False),
        sa.Column("disabled_at", INSTANT),
        sa.Column("seen_at", INSTANT),
    )
    create_index("grantkeeper_operator_person", "grantkeeper_operator", ["issuer", "subject"])
    create_index("grantkeeper_operator_email", "grantkeeper_operator", ["email"])
    create_table(
        "grantkeeper_invite",
        _ident("token_hash", key=True),
        _ident("operator_id"),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
    )
    create_index("grantkeeper_invite_end", "grantkeeper_invite", ["expires_at"])
    create_table(
        "grantkeeper_session",
        _ident("token_hash", key=True),
        _ident("operator_id"),
        *(sa.Column(name, INSTANT, nullable=False) for name in ("created_at", "seen_at", "expires_at")),
    )
    create_index("grantkeeper_session_operator", "grantkeeper_session", ["operator_id"])
    create_index("grantkeeper_session_end", "grantkeeper_session", ["expires_at"])


def _create_webhooks() -> None:
    create_table(
        "grantkeeper_endpoint",
        _ident("id", key=True),
        sa.Column("url", LONG, nullable=False),
        sa.Column("kinds", LONG, nullable=False),
        sa.Column("description", LONG, nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("reason", LONG, nullable=False),
        sa.Column("data_key", SEALED, nullable=False),
        sa.Column("sealed", SEALED, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", exact(255), nullable=False),
        sa.Column("failing_since", INSTANT),
        sa.Column("held_until", INSTANT),
        sa.Column("delivered_at", INSTANT),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    create_table(
        "grantkeeper_delivery",
        sa.Column("id", COUNTER, primary_key=True, autoincrement=True),
        _ident("endpoint_id"),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        _ident("kind"),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("delivered_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.Column("last_status", sa.SmallInteger),
        sa.Column("last_error", LONG, nullable=False),
        sa.UniqueConstraint("endpoint_id", "event_id", name="grantkeeper_delivery_once"),
        sqlite_autoincrement=True,
    )
    create_index("grantkeeper_delivery_due", "grantkeeper_delivery", ["due_at"])
    create_index("grantkeeper_delivery_turn", "grantkeeper_delivery", ["endpoint_id", "due_at"])
    create_index("grantkeeper_delivery_end", "grantkeeper_delivery", ["ended_at"])
    create_index("grantkeeper_delivery_event", "grantkeeper_delivery", ["event_id"])


def _create_audit() -> None:
    create_table(
        "grantkeeper_audit",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", exact(255), nullable=False),
        _ident("action"),
        sa.Column("target", exact(320), nullable=False),
        sa.Column("owner", exact(255), nullable=False),
        sa.Column("data", LONG, nullable=False),
        sa.Column("personal", LONG),
        _ident("salt", null=True),
        _ident("personal_digest"),
        _ident("key_id"),
        _ident("mac"),
    )
    for name in ("target", "owner", "actor"):
        create_index(f"grantkeeper_audit_{name}", "grantkeeper_audit", [name, "number"])


def _create_health() -> None:
    create_table(
        "grantkeeper_tally",
        sa.Column("client", exact(100), primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("refreshed", "refused", "trouble", "ours")),
    )
    create_index("grantkeeper_tally_hour", "grantkeeper_tally", ["hour"])
    create_table(
        "grantkeeper_client_state",
        sa.Column("client", exact(100), primary_key=True),
        sa.Column("failing_since", INSTANT),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
    )
