"""What is sealed in a row, and where it is bound to."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

import msgspec

from ..errors import SealBroken
from ..model import FlowRow, Grant, GrantRow, SealContext, Sealed, Sealer, Secret, Tokens

GRANT_TABLE: Final = "grant"
FLOW_TABLE: Final = "flow"
JOURNAL: Final = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSecrets:
    """The PKCE verifier (RFC 7636 4.1) and the nonce (OpenID Connect Core 3.1.2.1) of a flow."""

    code_verifier: Secret
    nonce: str


# What is written as JSON holds secrets in clear, and msgspec's values print: none outlives the function that needs it.


class _FlowInRow(msgspec.Struct, frozen=True):
    code_verifier: str
    nonce: str


class _TokensInRow(msgspec.Struct, frozen=True, omit_defaults=True):
    refresh_token: str | None = None
    access_token: str | None = None


_encode = msgspec.json.Encoder().encode
_decode_tokens = msgspec.json.Decoder(_TokensInRow).decode
_decode_flow = msgspec.json.Decoder(_FlowInRow).decode


class Vault:
    """Seals and opens the rows of one `installation`."""

    def __init__(self, sealer: Sealer, installation: str) -> None:
        self._sealer = sealer
        self.installation = installation

    def seal_tokens(self, tokens: Tokens, *, grant: Grant, generation: int, key: bytes | None) -> Sealed:
        """Seal a grant's tokens; `key` is the row's wrapped data key, None for a new row.

        A data key that does not open any more is replaced: whoever consents again mends a broken row.
        """
        context = self._grant_context(grant, generation)
        if key is not None:
            with contextlib.suppress(SealBroken):
                return self._sealer.seal(_tokens_written(tokens), context, key=key)
        return self._sealer.seal(_tokens_written(tokens), context)

    def open_tokens(self, row: GrantRow) -> Tokens:
        """Open a grant's tokens; raises SealBroken when the row was altered, swapped or belongs to another key."""
        if row.sealed is None:
            return Tokens(refresh_token=None, access_token=None)
        opened = self._sealer.open(row.sealed, self._grant_context(row.grant, row.generation))
        try:
            return _tokens_read(opened)
        except msgspec.MsgspecError:
            del opened
            raise SealBroken(f"The sealed tokens of grant {row.grant.id} are not what grantkeeper writes.") from None

    def seal_flow(self, secrets: FlowSecrets, *, state_hash: str) -> Sealed:
        """Seal what a flow needs at its callback."""
        return self._sealer.seal(_flow_written(secrets), self._context(FLOW_TABLE, state_hash, "secrets", 0))

    def open_flow(self, row: FlowRow) -> FlowSecrets:
        """Open what `seal_flow` sealed; raises SealBroken."""
        if row.sealed is None:
            raise SealBroken("This flow's secrets were erased.", advice="Begin again.")
        opened = self._sealer.open(row.sealed, self._context(FLOW_TABLE, row.state_hash, "secrets", 0))
        try:
            return _flow_read(opened)
        except msgspec.MsgspecError:
            del opened
            raise SealBroken("The sealed secrets of a flow are not what grantkeeper writes.") from None

    def seal_answer(self, written: bytes, *, grant_id: str, generation: int) -> Sealed:
        """Seal an answer that the database did not take yet, for the journal; `generation` is what it follows."""
        try:
            return self._sealer.seal(written, self._context(JOURNAL, grant_id, "answer", generation))
        except BaseException:
            del written  # a traceback that shows local variables must not show it
            raise

    def open_answer(self, sealed: Sealed, *, grant_id: str, generation: int) -> bytes:
        """Open what `seal_answer` sealed; raises SealBroken."""
        return self._sealer.open(sealed, self._context(JOURNAL, grant_id, "answer", generation))

    def seal_secret(self, secret: Secret, *, table: str, row: str, column: str, generation: int = 0) -> Sealed:
        """Seal one secret for one column of one row; it opens nowhere else."""
        return self._sealer.seal(_text_written(secret), self._context(table, row, column, generation))

    def open_secret(self, sealed: Sealed, *, table: str, row: str, column: str, generation: int = 0) -> Secret:
        """Open what `seal_secret` sealed there; raises SealBroken."""
        opened = self._sealer.open(sealed, self._context(table, row, column, generation))
        try:
            return Secret(opened.decode())
        except UnicodeDecodeError:
            del opened
            raise SealBroken(f"{table} {row}, {column}: it holds something that grantkeeper did not seal.") from None

    def _grant_context(self, grant: Grant, generation: int) -> SealContext:
        # Owner and client are bound too: a row that somebody gives to another owner opens no more (V-02).
        table = f"{GRANT_TABLE} of {grant.owner!r} at {grant.client!r}"
        return self._context(table, grant.id, "tokens", generation)

    def _context(self, table: str, row: str, column: str, generation: int) -> SealContext:
        return SealContext(installation=self.installation, table=table, row=row, column=column, generation=generation)


def _text_written(secret: Secret) -> bytes:
    return secret.reveal().encode()


def _flow_written(secrets: FlowSecrets) -> bytes:
    return _encode(_FlowInRow(code_verifier=secrets.code_verifier.reveal(), nonce=secrets.nonce))


def _flow_read(opened: bytes) -> FlowSecrets:
    plain = _decode_flow(opened)
    return FlowSecrets(code_verifier=Secret(plain.code_verifier), nonce=plain.nonce)


def _tokens_written(tokens: Tokens) -> bytes:
    return _encode(_TokensInRow(refresh_token=_value(tokens.refresh_token), access_token=_value(tokens.access_token)))


def _tokens_read(opened: bytes) -> Tokens:
    plain = _decode_tokens(opened)
    return Tokens(refresh_token=_secret(plain.refresh_token), access_token=_secret(plain.access_token))


def _value(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)
