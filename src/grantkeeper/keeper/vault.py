"""What is sealed in a row, and where it is bound to."""

from __future__ import annotations

from typing import Final

import msgspec

from ..errors import SealBroken
from ..model import FlowRow, GrantRow, SealContext, Sealed, Sealer, Secret, Tokens

GRANT_TABLE: Final = "grant"
FLOW_TABLE: Final = "flow"


class FlowSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """The PKCE verifier (RFC 7636 4.1) and the nonce (OpenID Connect Core 3.1.2.1) of a flow."""

    code_verifier: str
    nonce: str

    def __repr__(self) -> str:
        return "FlowSecrets(…)"


class _TokensInRow(msgspec.Struct, frozen=True, omit_defaults=True):
    refresh_token: str | None = None
    access_token: str | None = None


_encode = msgspec.json.Encoder().encode
_decode_tokens = msgspec.json.Decoder(_TokensInRow).decode
_decode_flow = msgspec.json.Decoder(FlowSecrets).decode


class Vault:
    """Seals and opens the rows of one installation."""

    def __init__(self, sealer: Sealer, installation: str) -> None:
        self._sealer = sealer
        self._installation = installation

    def seal_tokens(self, tokens: Tokens, *, grant_id: str, generation: int, key: bytes | None) -> Sealed:
        """Seal a grant's tokens; `key` is the row's wrapped data key, None for a new row."""
        plain = _TokensInRow(refresh_token=_value(tokens.refresh_token), access_token=_value(tokens.access_token))
        return self._sealer.seal(_encode(plain), self._context(GRANT_TABLE, grant_id, "tokens", generation), key=key)

    def open_tokens(self, row: GrantRow) -> Tokens:
        """Open a grant's tokens; raises SealBroken when the row was altered, swapped or belongs to another key."""
        if row.sealed is None:
            return Tokens(refresh_token=None, access_token=None)
        opened = self._sealer.open(row.sealed, self._context(GRANT_TABLE, row.grant.id, "tokens", row.generation))
        try:
            plain = _decode_tokens(opened)
        except msgspec.MsgspecError:
            raise SealBroken(f"The sealed tokens of grant {row.grant.id} are not what grantkeeper writes.") from None
        return Tokens(refresh_token=_secret(plain.refresh_token), access_token=_secret(plain.access_token))

    def seal_flow(self, secrets: FlowSecrets, *, state_hash: str) -> Sealed:
        """Seal what a flow needs at its callback."""
        return self._sealer.seal(_encode(secrets), self._context(FLOW_TABLE, state_hash, "secrets", 0))

    def open_flow(self, row: FlowRow) -> FlowSecrets:
        """Open what `seal_flow` sealed; raises SealBroken."""
        if row.sealed is None:
            raise SealBroken("This flow's secrets were erased.", advice="Begin again.")
        opened = self._sealer.open(row.sealed, self._context(FLOW_TABLE, row.state_hash, "secrets", 0))
        try:
            return _decode_flow(opened)
        except msgspec.MsgspecError:
            raise SealBroken("The sealed secrets of a flow are not what grantkeeper writes.") from None

    def _context(self, table: str, row: str, column: str, generation: int) -> SealContext:
        return SealContext(installation=self._installation, table=table, row=row, column=column, generation=generation)


def _value(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)
