"""What the pages of one business know, and its words for what they show."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TYPE_CHECKING, Final, Literal

from grantkeeper.errors import InvalidInput, Misconfigured, printable
from grantkeeper.keeper.inputs import checked_owner
from grantkeeper.web import outcome
from grantkeeper.web.guard import cookie_name, origin_of
from grantkeeper.web.languages import LANGUAGES, Text, text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from starlette.requests import Request

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.model import Picker, Provider
    from grantkeeper.web.links.brand import Brand

    Answer = str | None | Awaitable[str | None]

_IDENTITY_WORDS: Final = {
    "openid": "See who you are there, so that the account is recognised",
    "email": "See your e-mail address",
    "profile": "See your name and picture",
}
"""The scopes that OpenID Connect Core 5.4 defines; each provider describes its own."""
_PATH: Final = re.compile(r"/(?![/\\])[^\\\s\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """Everything that a page needs beside the request.

    `owner` says whose browser this is (None: nobody is signed in), `owner_name` how to call them, `titles` how to
    call an OAuthClient, `done_url` is a path of the host application to offer at the end. `stranger` is what a browser
    is told that belongs to nobody, `language` the one language to speak, "" when the browser chooses, and
    `default_language` what those get who ask for none that we have. `return_to` are origins to which people may be led
    in the end. `https` says whether that is in use; None when the configured redirect URIs say so.
    """

    keeper: AsyncKeeper
    owner: Callable[[Request], Answer]
    business: str
    owner_name: Callable[[Request], Answer] | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    done_url: str | None = None
    other_account: Literal["refuse", "add"] = "refuse"
    picker: Picker | None = None
    stranger: Callable[[str], outcome.Stop] = outcome.signed_out
    language: str = ""
    default_language: str = "en"
    brand: Brand | None = None
    return_to: frozenset[str] = frozenset()
    https: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a `done_url` that leads elsewhere (V-55), and a language that there is not."""
        for each in filter(None, (self.language, self.default_language)):
            if each not in LANGUAGES:
                raise InvalidInput(f"language is one of {', '.join(LANGUAGES)}, or left out for the browser's.")
        if self.done_url is not None and not _PATH.fullmatch(self.done_url):
            raise InvalidInput("done_url must be a path of your own site that begins with one slash.")

    @property
    def secure(self) -> bool:
        """Whether https is in use: the configuration says so, never a request's headers (V-39c).

        The service knows its own address; pages inside another application have only the redirect URIs to go by.
        """
        if self.https is not None:
            return self.https
        return any(client.redirect_uri.startswith("https:") for client in self.keeper.clients)

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return cookie_name(secure=self.secure)

    def form_targets(self) -> set[str]:
        """Return the origins that a form's answer may lead to: the providers', back from them to us, and home."""
        urls = [url for c in self.keeper.clients for url in (c.provider.authorization_endpoint, c.redirect_uri)]
        return {origin_of(url) for url in urls} | self.return_to

    @property
    def images(self) -> bool:
        """Whether a page shows a picture: the logo."""
        return self.brand is not None and self.brand.logo is not None

    async def owner_of(self, request: Request) -> str | None:
        """Return the owner whom the host application says this browser belongs to; never from the URL.

        Raises:
            Misconfigured: it said something that is no owner; names the callable.
        """
        owner: object = await _answer(self.owner(request))
        if owner is None or owner == "":
            return None
        name = printable(getattr(self.owner, "__qualname__", type(self.owner).__qualname__), 120)
        if not isinstance(owner, str):
            raise Misconfigured(
                f"The callable {name} that says whose browser it is returned {type(owner).__name__}.",
                advice="Let it return the owner's id as str, or None when nobody is signed in.",
            )
        try:
            return checked_owner(owner)
        except InvalidInput as error:
            raise Misconfigured(f"The callable {name}: {error.args[0]}", advice=error.advice) from None

    async def name_of_owner(self, request: Request, owner: str) -> str:
        """Return how to call the owner on a page."""
        name = await _answer(self.owner_name(request)) if self.owner_name else None
        return printable(name or owner, 80)

    def title(self, client: str) -> str:
        """Return how to call an OAuthClient on a page: its title, or `google-ads` as `Google Ads`."""
        plain = " ".join(word[:1].upper() + word[1:] for word in re.split(r"[-_ ]+", client))
        return printable(self.titles.get(client) or plain, 60)


async def _answer(value: Answer) -> str | None:
    return await value if isawaitable(value) else value


def provider_title(provider: Provider) -> str:
    """Return how to call the provider on a page."""
    return printable(provider.title or provider.name, 60)


def scope_texts(provider: Provider, scopes: Iterable[str]) -> list[Text | str]:
    """Return what scopes let the business do, in plain words, each sentence once, in order."""
    known = {**_IDENTITY_WORDS, **provider.scope_words}
    backwards = {answered: asked for asked, answered in provider.scope_aliases.items()}
    found = (known.get(scope) or known.get(backwards.get(scope, "")) or _unknown(scope) for scope in scopes)
    return list({str(words): words for words in found}.values())


def scope_words(provider: Provider, scopes: Iterable[str]) -> list[str]:
    """Return `scope_texts` in English."""
    return [str(each) for each in scope_texts(provider, scopes)]


def _unknown(scope: str) -> Text:
    return text("Use the permission “{name}”", name=printable(scope.rstrip("/").rpartition("/")[2], 60))
