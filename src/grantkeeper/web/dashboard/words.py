"""The dashboard's words for what is stored."""

from __future__ import annotations

from typing import Final

from grantkeeper.model import GrantStatus, LinkStatus

ROOMS: Final = (
    ("/grants", "Grants", "viewer"),
    ("/links", "Links", "viewer"),
    ("/clients", "Clients", "viewer"),
    ("/keys", "Keys", "admin"),
    ("/webhooks", "Webhooks", "admin"),
    ("/operators", "Operators", "admin"),
    ("/audit", "Audit", "admin"),
)
"""Where the navigation leads, and the least role for it."""
STATUS: Final = {
    GrantStatus.PENDING: "Waits for you",
    GrantStatus.ACTIVE: "Connected",
    GrantStatus.CONSENT_REQUIRED: "Needs consent",
    GrantStatus.REVOKED: "Disconnected",
}
TONE: Final = {
    GrantStatus.PENDING: "attention",
    GrantStatus.ACTIVE: "good",
    GrantStatus.CONSENT_REQUIRED: "bad",
    GrantStatus.REVOKED: "off",
}
LINK_STATUS: Final = {
    LinkStatus.INVITED: "Not opened yet",
    LinkStatus.OPENED: "Opened",
    LinkStatus.FAILED: "Failed, may be tried again",
    LinkStatus.CONSENTED: "Waits for you",
    LinkStatus.CONFIRMED: "Done",
    LinkStatus.EXPIRED: "Expired",
    LinkStatus.REVOKED: "Revoked",
}
LINK_TONE: Final = {
    LinkStatus.INVITED: "off",
    LinkStatus.OPENED: "off",
    LinkStatus.FAILED: "bad",
    LinkStatus.CONSENTED: "attention",
    LinkStatus.CONFIRMED: "good",
    LinkStatus.EXPIRED: "off",
    LinkStatus.REVOKED: "off",
}
CONFIRM: Final = {
    "ask": "somebody here confirms",
    "proof": "your program confirms",
    "auto": "nobody confirms",
}
EXPECTED: Final = {"email": "e-mail", "hosted_domain": "organisation", "subject": "account id"}
WHY: Final = {
    "outage": "The provider is down, or cannot be reached.",
    "trouble": "The provider is in trouble.",
    "asked_to_wait": "The provider asked to be asked less.",
    "mass_refusal": "Many grants were refused at once, which is hardly their owners’ doing.",
    "not_accepted": "The provider refuses the OAuth client itself: look at its client id, secret and registration.",
}
"""Why an OAuth client fails."""
AT_PROVIDER: Final = {
    "revoked": "It was revoked at the provider too.",
    "kept": "At the provider the consent stays, because other grants live from it.",
    "pending": "The provider could not be told yet: press Disconnect again later.",
    "unreadable": "Its sealed token does not open, so only the person can end it at the provider.",
    "nothing_to_revoke": "There was nothing left to revoke at the provider.",
}
UNDELIVERED: Final = {
    "unreachable": "no connection.",
    "no_answer": "no answer in time.",
    "refused": "the receiver refused it.",
    "throttled": "the receiver wants to be asked less.",
    "redirected": "the receiver sent it elsewhere, and redirects are not followed.",
    "gone": "the receiver says that it is gone.",
    "not_allowed": "the settings do not allow this address.",
    "no_secret": "the secret does not open.",
    "too_old": "it waited too long.",
    "unreadable": "the event is gone, or somebody altered it, or the delivery.",
    "unrecorded": "it was taken ten times, and nobody wrote down how that went.",
}
"""Why a message to a webhook was not delivered."""
SAID: Final = {
    "confirmed": "Confirmed. Access tokens are handed out from now on.",
    "refreshed": "Refreshed: the access token is new.",
    "revoked": f"Disconnected. {AT_PROVIDER['revoked']}",
    "kept": f"Disconnected. {AT_PROVIDER['kept']}",
    "pending": f"Disconnected here. {AT_PROVIDER['pending']}",
    "unreadable": f"Disconnected here. {AT_PROVIDER['unreadable']}",
    "nothing_to_revoke": f"Disconnected. {AT_PROVIDER['nothing_to_revoke']}",
    "link_revoked": "The link was revoked: it leads nowhere any more.",
    "key_revoked": "The key was revoked.",
    "endpoint_changed": "Saved.",
    "endpoint_removed": "The endpoint and its deliveries were removed.",
    "replayed": "It will be delivered again.",
    "role": "The role was changed.",
    "disabled": "They are signed out everywhere and cannot come in any more.",
    "signed_out_everywhere": "All their sessions were ended.",
    "sent": "The test message was delivered.",
    **{f"test_{name}": f"The test message was not delivered: {said}" for name, said in UNDELIVERED.items()},
}
"""What was done, by the name that is in the address afterwards; an address can say nothing else."""
ACTIONS: Final = {
    "grant.revoke": "Disconnected",
    "grant.confirm": "Confirmed",
    "grant.refresh": "Refreshed by hand",
    "grant.share": "Chose what is shared",
    "link.create": "Link made",
    "link.revoke": "Link revoked",
    "key.create": "Key made",
    "key.revoke": "Key revoked",
    "operator.invite": "Invited",
    "operator.add": "Let in by the rule",
    "operator.bind": "Bound to a login",
    "operator.sign_in": "Signed in",
    "operator.sign_out": "Signed out",
    "operator.sign_out_everywhere": "Signed out everywhere",
    "operator.role": "Role changed",
    "operator.disable": "Shut out",
    "operator.refuse": "Sign-in refused",
}
EVENTS: Final = {
    "grant.pending": "Consented, waits to be confirmed",
    "grant.connected": "Connected",
    "grant.consent_required": "Needs consent again",
    "grant.reconnected": "Connected again",
    "grant.scopes_changed": "Permissions changed",
    "grant.accounts_changed": "Accounts changed",
    "grant.accounts_shared": "Chose accounts",
    "grant.imported": "Imported",
    "grant.exported": "Exported",
    "grant.ending": "Ends soon",
    "grant.cap_near": "Close to the provider's limit",
    "grant.revoked": "Disconnected",
}


def action(name: str) -> str:
    """Return what an audit entry tells of; `link.create` as `Link create` where there is no sentence."""
    return ACTIONS.get(name) or name.replace(".", " ").replace("_", " ").capitalize()


def event(kind: str) -> str:
    """Return what an event tells of."""
    return EVENTS.get(kind) or kind.replace(".", " ").replace("_", " ").capitalize()
