"""A keeper's verbs about refresh tokens in files."""

from __future__ import annotations

from ...model import Adoption, Examination, Grant, Picker, Secret
from .adopting import Adopting
from .handing_out import HandingOut


class FileVerbs:
    """What a Keeper can do about refresh tokens in files."""

    _adopting: Adopting
    _handing_out: HandingOut

    def adopt(
        self,
        owner: str,
        client: str,
        refresh_token: Secret,
        *,
        email: str | None = None,
        picker: Picker | None = None,
        by: str = "program",
    ) -> Adoption:
        """Take over a refresh token that you already have; it is proved by one refresh.

        Adopting the same one again gives the same grant, and sends nothing unless that is dead or lacks scopes. A
        person's grant that is dead, or lacks more than this token does, gets it. Whose it is, only a token says that
        was given the scope openid; else the person is not known (`Grant.identified`) until they consent again, which
        keeps the grant's id. An event `grant.imported` is written. When the consent was given is not known: it counts
        as given now.

        Args:
            owner: your own id of the customer whose it is.
            client: name of the OAuthClient that it was given to.
            refresh_token: the token.
            email: whose it is believed to be: another person's is refused where the provider says whose it is. Where it
                replaces refresh tokens nobody knows that before the token is kept, and an e-mail address is refused.
            picker: which accounts are shared, see `begin`. That of the consent by which its person becomes known takes
                its place.
            by: who does it, for the audit log.

        Returns:
            The grant: active, or `consent_required` when required scopes are missing; and whether it was known.

        Raises:
            ConsentRequired: the token is dead; nothing was kept. AccountMismatch: it is another person's.
            Misconfigured: the provider does not accept the OAuth client, or not with this token.
            ProviderUnavailable: it could not be proved now. NotFound: no such client. InvalidInput.
        """
        return self._adopting.adopt(owner, client, refresh_token, email=email, picker=picker, by=by)

    def taken_over(self, owner: str, client: str, refresh_token: Secret) -> Grant | None:
        """Return the live grant that `adopt` made of this refresh token; sends nothing.

        None when there is none, and when `adopt` would prove the token again because the grant may need it.
        """
        return self._adopting.taken_over(owner, client, refresh_token)

    def examine(self, client: str, refresh_token: Secret) -> Examination:
        """Return what a refresh token that you already have is: one refresh tells; nothing is kept.

        Raises:
            InvalidInput: the provider may replace refresh tokens, so that the look would use it up.
            Misconfigured, ProviderUnavailable, NotFound: as `adopt`.
        """
        return self._adopting.examine(client, refresh_token)

    def hand_out(self, grant_id: str, *, form: str, who: str, by: str = "program") -> Secret:
        """Return the refresh token of an active grant, for a file of a tool that insists on it.

        An event `grant.exported` with `form` and `who` is written before. From then on whoever has the file has the
        access, and nothing here can end that but `revoke`.

        Raises:
            Misconfigured: this keeper was not made with `export_refresh_tokens="allowed"`.
            ConsentRequired: the grant is not active. NotFound. SealBroken.
            InvalidInput: the provider may replace refresh tokens: two that use one end it.
        """
        return self._handing_out.hand_out(grant_id, form=form, who=who, by=by)
