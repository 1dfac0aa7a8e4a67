"""Token revocation (RFC 7009). No I/O, no clock."""

from __future__ import annotations

from ..errors import Misconfigured
from ..model import OAuthClient, Request, Response, Secret
from .reading import members, words
from .token import authenticated_post


def revocation_request(client: OAuthClient, token: Secret) -> Request:
    """Return the request that revokes `token`, with the newest client secret (RFC 7009 2.1).

    Raises:
        Misconfigured: the provider has no revocation endpoint.
    """
    endpoint = client.provider.revocation_endpoint
    if endpoint is None:
        raise Misconfigured(f"The provider {client.provider.name} has no revocation endpoint.")
    secret = client.client_secrets[-1] if client.client_secrets else Secret("")
    return authenticated_post(endpoint, client, secret, {"token": token.reveal()})


def revocation_answer(response: Response) -> bool:
    """Return True when the token is dead now, False when to try later (RFC 7009 2.2).

    A token that was dead before is answered with 200 by RFC 7009 and with 400 `invalid_token` by Google.
    """
    if 200 <= response.status < 300:
        return True
    found = members(response)
    said = words(found) if found else None
    return response.status == 400 and said is not None and said.error == "invalid_token"
