"""Everything that can go wrong, named by who must act.

GrantkeeperError
|- ProviderUnavailable   wait       network, timeout, 5xx, 429; .retry_after, .sent
|- DatabaseUnavailable   wait       the database is unreachable, locked, full or failing over
|- ServiceUnavailable    wait       the service that a Remote asks does not answer; .retry_after, .sent
|- ConsentRequired       the owner  dead or missing consent, missing scopes; .grant_id .reason .advice
|  `- AccountMismatch    the owner  consented as another person than before; .expected .actual
|- ConsentDenied         the owner  said no on the consent screen
|- AccessRefused         the owner  the account or the person may not, or it was not shared; .who .code .account_id
|- TooManyRequests       wait       more than the service allows this API key or address; .retry_after
|- Misconfigured         you        the configuration, the key, the OAuth client: says what to change
|  |- InvalidInput       you        a value that the calling program passed; also a ValueError
|  |- KeyRefused         you        the API key is none, over or withdrawn
|  `- NotAllowed         you        the API key, or the operator, may not do this
|- BadCallback           nobody     state, iss or browser does not match: refused, nothing spent
|- NotFound              you        no such grant, client or owner
|- SealBroken            you        wrong key, or a row that somebody altered
`- Conflict              nobody     somebody saved first; read again

No message of any of them holds a token, a code, a state or a client secret.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal

# What a provider says is shown to people and written to logs: long enough for Google's longest sentence, short
# enough that a hostile answer cannot fill a screen or a log (facts: RFC 6749 5.2 sets no limit).
WORDS_LIMIT = 300

_SECRETS: Final = re.compile(
    r"bearer\s+[\w.~+/=-]{16,}"  # an Authorization header, RFC 6750 2.1
    r"|ya29\.[\w.-]+|(?<!\w)1//[\w-]{8,}|(?<!\w)4/0[\w-]{16,}|GOCSPX-[\w-]+"  # Google's tokens, codes, secrets
    r"|(?<!\w)whsec_[\w+/=-]+|(?<!\w)gk_[\w]{8,}"  # our own: what signs webhooks, API keys
    r"|(?<!\w)eyJ[\w-]{8,}(?:\.[\w-]+)*"  # a JWT, RFC 7519
    # Anything else of that length that has a digit: the longest of Google's codes are letters and underscores only,
    # and its request ids are shorter. No slash, or addresses of documentation would go, too.
    r"|(?<![\w+-])(?=[\w+-]*[0-9])[\w+-]{40,}",
    re.ASCII | re.IGNORECASE,
)
"""What looks like a secret: hiding too much costs a word of a sentence, too little puts a token into logs (V-20)."""


def printable(text: str, limit: int = WORDS_LIMIT) -> str:
    """Return `text` without control, format and bidirectional characters, cut to `limit` characters.

    Line breaks and terminal escapes would forge log lines, right-to-left overrides would forge what a person reads.
    """
    head = text[: limit * 4]
    if not head.isprintable():  # most texts are, and thousands of names are shown at once
        head = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in head)
    clean = " ".join(head.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def without_secrets(text: str) -> str:
    """Return `text` with `[hidden]` for whatever looks like a token, a code or a client secret.

    A stranger's words go into messages, and a stranger that was sent a token may repeat it: a proxy that shows the
    headers which it blocked, an API that quotes them (V-20). Only the first 4,800 characters are kept: whoever shows
    more than WORDS_LIMIT of a stranger's words is doing something else.
    """
    return _SECRETS.sub("[hidden]", text[: WORDS_LIMIT * 16])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderWords:
    """The provider's own words for an error (RFC 6749 4.1.2.1 and 5.2), cleaned and cut, never HTML.

    What looks like a secret is hidden. `subtype` is Google's `error_subtype` (facts: `invalid_rapt`, `rapt_required`).
    `request_id` is an API's own name of the request, which its support asks for.
    """

    error: str
    description: str = ""
    uri: str = ""
    subtype: str = ""
    request_id: str = ""

    def __post_init__(self) -> None:
        """Clean each member: whoever builds one cannot forget it."""
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, printable(without_secrets(getattr(self, field.name))))

    def __str__(self) -> str:
        """Return `error: description`, or what there is of it."""
        named = f"{self.error} ({self.subtype})" if self.subtype else self.error
        return f"{named}: {self.description}" if self.description else named


class GrantkeeperError(Exception):
    """Base of every error that grantkeeper raises on purpose.

    Attributes:
        advice: one sentence that says what to do, or "".
        provider: the provider's own words, when it said any.
    """

    advice: str
    provider: ProviderWords | None

    def __init__(self, message: str, *, advice: str = "", provider: ProviderWords | None = None) -> None:
        super().__init__(message)
        self.advice = advice
        self.provider = provider

    def __str__(self) -> str:
        """Return the message, the provider's words and the advice, in this order."""
        said = f" The provider said: {str(self.provider).rstrip('.')}." if self.provider else ""
        return f"{self.args[0]}{said}{' ' + self.advice if self.advice else ''}"


class ProviderUnavailable(GrantkeeperError):
    """The provider could not be reached or is in trouble: wait and ask again.

    Attributes:
        retry_after: how long the provider asked us to wait, if it did (RFC 9110 10.2.3).
        sent: False when the request surely never left, True when its outcome is unknown or it was answered.
    """

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        provider: ProviderWords | None = None,
        retry_after: timedelta | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message, advice=advice, provider=provider)
        self.retry_after = retry_after
        self.sent = sent


class DatabaseUnavailable(GrantkeeperError):
    """The database could not be reached, is locked, full or failing over: wait and ask again.

    Whether a write that was under way took effect is unknown: read again.
    """


class ServiceUnavailable(GrantkeeperError):
    """The service that a `Remote` asks could not be reached, or gave no answer of grantkeeper's: wait and ask again.

    Attributes:
        retry_after: how long it, or what stands before it, asked us to wait, if it did (RFC 9110 10.2.3).
        sent: False when the request surely never left, True when its outcome is unknown or it was answered.
    """

    def __init__(
        self, message: str, *, advice: str = "", retry_after: timedelta | None = None, sent: bool = True
    ) -> None:
        super().__init__(message, advice=advice)
        self.retry_after = retry_after
        self.sent = sent


class ConsentRequired(GrantkeeperError):
    """The owner has to consent (again).

    Attributes:
        grant_id: the grant in question, or None when there is none yet.
        reason: a value of `grantkeeper.model.Reason`.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        grant_id: str | None = None,
        advice: str = "",
        provider: ProviderWords | None = None,
    ) -> None:
        super().__init__(message, advice=advice, provider=provider)
        self.reason = reason
        self.grant_id = grant_id


class AccountMismatch(ConsentRequired):
    """Somebody consented with another account than the one this owner had connected; nothing was changed.

    Attributes:
        expected: e-mail addresses (or subjects) of the connected accounts.
        actual: e-mail address (or subject) of the account that consented now.
    """

    def __init__(
        self, message: str, *, grant_id: str | None, expected: tuple[str, ...], actual: str, advice: str
    ) -> None:
        super().__init__(message, reason="other_account", grant_id=grant_id, advice=advice)
        self.expected = expected
        self.actual = actual


class ConsentDenied(GrantkeeperError):
    """The person said no on the consent screen (`access_denied`, RFC 6749 4.1.2.1); nothing was changed."""


class AccessRefused(GrantkeeperError):
    """The grant lives, but this account, or this person, may not do this: something has to change on the owner's side.

    Attributes:
        who: whether it is about the `person` who consented or about the `account`.
        code: the API's name for it (`AuthorizationError.USER_PERMISSION_DENIED`), or ours: `not_shared`, `lost`.
        grant_id: the grant in question.
        account_id: the account in question, "" when it is about the person or not known.
    """

    def __init__(
        self,
        message: str,
        *,
        who: Literal["person", "account"],
        code: str,
        grant_id: str | None = None,
        account_id: str = "",
        advice: str = "",
        provider: ProviderWords | None = None,
    ) -> None:
        super().__init__(message, advice=advice, provider=provider)
        self.who = who
        self.code = code
        self.grant_id = grant_id
        self.account_id = account_id


class Misconfigured(GrantkeeperError):
    """The configuration, the key or the OAuth client's registration is wrong; the message says what to change."""


class InvalidInput(Misconfigured, ValueError):
    """A value that the calling program passed is not usable; the message names it and what is allowed."""


class KeyRefused(Misconfigured):
    """The API key is missing, mistyped, unknown, over or withdrawn: nothing is said of which, but what can be seen."""


class NotAllowed(Misconfigured):
    """Who asks is known and may not do this: an API key without the scope, an operator without the role."""


class TooManyRequests(GrantkeeperError):
    """The service allows no more for now: wait and ask again.

    Attributes:
        retry_after: how long to wait (RFC 9110 10.2.3).
    """

    def __init__(self, message: str, *, retry_after: timedelta, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.retry_after = retry_after


class BadCallback(GrantkeeperError):
    """The callback does not belong to this browser, this flow or this provider: refused, nothing was spent."""


class NotFound(GrantkeeperError, LookupError):
    """There is no such grant, OAuth client or owner."""


class SealBroken(GrantkeeperError):
    """A sealed value does not open: the key is another one, or somebody altered the row."""


class Conflict(GrantkeeperError):
    """Somebody saved first; read again."""


def check_word(name: str, word: object, words: Sequence[str]) -> None:
    """Check that a word is one of these, exactly: annotations bind no caller, and none is to be taken for another.

    Raises:
        InvalidInput: it is not; the message names them.
    """
    if not isinstance(word, str) or word not in words:
        *others, last = (f'"{each}"' for each in words)
        raise InvalidInput(f"{name} is {', '.join(others)} or {last}.")
