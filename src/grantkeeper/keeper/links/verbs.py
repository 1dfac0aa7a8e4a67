"""A keeper's verbs about invitations."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

from ...model import Confirm, Expectation, Grant, Invitation, Picker, Redirect
from .linking import Linking
from .making import Wish

WEEK: Final = timedelta(days=7)


class LinkVerbs:
    """What a Keeper can do about invitations."""

    links: Linking

    def link(
        self,
        owner: str,
        client: str,
        *,
        expires_in: timedelta = WEEK,
        expect: str | Expectation | None = None,
        confirm: Confirm = "ask",
        return_to: str = "",
        picker: Picker | None = None,
        language: str = "",
        message: str = "",
        grant_id: str | None = None,
        other_account: Literal["refuse", "add"] = "refuse",
        code: bool = False,
        by: str = "program",
    ) -> Invitation:
        """Make an invitation: a link that can be e-mailed, good for one consent, and that starts nothing by itself.

        Whoever has the address can use it. That it was the right person, `expect` proves, or somebody confirms: until
        then the grant is pending, and no token of it is handed out (V-31).

        Args:
            owner: your own id of the customer who is to grant.
            client: name of the OAuthClient, a web client.
            expires_in: 1 minute to 90 days.
            expect: who is invited: an e-mail address (which the provider must have verified), a hosted domain
                (`example.com`), the provider's subject, or an Expectation. Nobody else can use the link, and the grant
                is active at once.
            confirm: `ask`, you confirm who consented; `proof`, you confirm with what the person's own browser brings to
                `return_to`; `auto`, nobody does, whoever consents is taken for the owner.
            return_to: where the person is led afterwards, at an origin that the settings allow.
            picker: how they choose which accounts are shared, as for `begin`.
            language: `en`, `de`, `fr`, `es`, `ja`; by default what their browser asks for.
            message: your words to them, at most 1,000 characters.
            grant_id: the grant that they are to consent to again; the page says why.
            other_account: as for `begin`.
            code: make a code of six digits as well, `Invitation.code`, which you tell them by another way (V-34).
            by: who makes it, for the audit log.

        Raises:
            Misconfigured: the service has no address. InvalidInput: a value is not usable; the message names it.
            NotFound: no such client, or no such grant of this owner and client.
        """
        wish = Wish(
            expires_in=expires_in,
            expect=expect,
            confirm=confirm,
            return_to=return_to,
            picker=picker,
            language=language,
            message=message,
            grant_id=grant_id,
            other_account=other_account,
            code=code,
            by=by,
        )
        return self.links.making.make(owner, client, wish)

    def follow(self, token: str, *, flow: str | None = None, code: str | None = None) -> Redirect:
        """Take a person who pressed the button of a link's page to the provider.

        `token` is the end of the address, `flow` what this browser's session holds already. An event `link.opened` is
        written the first time. Ends in `complete`, like `begin`.

        Raises:
            NotFound: the link is unknown, used up, expired or withdrawn; the message does not tell which.
            AccessRefused: it asks for a code, and this is not it; the fifth wrong one withdraws the link.
        """
        return self.links.following.follow(token, flow=flow, code=code)

    def confirm(
        self, grant_id: str, *, proof: str | None = None, version: int | None = None, by: str = "program"
    ) -> Grant:
        """Say that the right person consented: a pending grant becomes active. Again is harmless.

        Args:
            grant_id: the grant.
            proof: what the person's browser brought to `return_to`; needed when the link was made so. Compare whom your
                own session of that request says they are with the grant's owner: the proof only tells that it is the
                browser that consented.
            version: the `Grant.version` that you looked at.
            by: who says so, for the audit log.

        Raises:
            BadCallback: the proof is of another browser, or too late; nobody can put that right but with a new link.
            InvalidInput: it is to be confirmed with a proof and none was given; it is revoked; somebody else is
                connected already, and the link was not made with `other_account="add"`.
            ConsentRequired: the person has to consent first, a permission is missing.
            Conflict: the grant is not the one of this version. NotFound.
        """
        return self.links.confirming.confirm(grant_id, proof=proof, version=version, by=by)
