"""What a grant reaches: ad accounts, networks, properties, sites and channels, and which of them are shared."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from ..errors import GrantkeeperError, InvalidInput

Preselect: TypeAlias = Literal["none", "enabled"] | tuple[str, ...]
"""What is ticked before the person has touched anything: nothing, every account that is enabled, or these ids."""


ID_LENGTH: Final = 500
"""Longest id of an account, in characters: a Search Console property is a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to an account: `root` is the account that the person reaches directly, `length` how far below it it is.

    For Google Ads, `root` is the login-customer-id to use. Source: developers.google.com/google-ads/api/docs/oauth/
    access-model, 2026-11-22.
    """

    root: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAccount:
    """An account as the provider describes it now.

    `kind` is that of the discovery that found it (`google_ads`, `ad_manager`, ...); `id` is what calls name it by
    (customer id without dashes, network code, property id, site URL, channel id), unique within grant and kind.
    `status` is the API's own word (`ENABLED`, `CANCELED`, ...), "" where it has none; `enabled` tells whether calls for
    it can succeed. `manager` is True when it stands above others, `parents` are the ids of those right above it,
    `ways` the ways that lead there, the shortest first. `currency` is ISO 4217, `time_zone` a name of the IANA list.
    """

    kind: str
    id: str
    name: str
    status: str = ""
    enabled: bool = True
    manager: bool = False
    test: bool = False
    currency: str = ""
    time_zone: str = ""
    parents: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()

    @property
    def level(self) -> int:
        """How far it is below the nearest account that the person reaches directly; 0 for such a one."""
        return self.ways[0].length if self.ways else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(FoundAccount):
    """An account that a grant reaches, as kept.

    `shared` tells whether its person shares it with the business; nothing else is handed out. `lost_at` is since when
    no look finds it any more, None while it is there.
    """

    grant_id: str
    shared: bool
    found_at: datetime
    lost_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Kind and id: what names it within its grant."""
        return self.kind, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Picker:
    """How a person chooses, after the consent, which accounts to share.

    Attributes:
        page: `show` it, or `skip` it: then what is preselected is shared, and nobody is asked.
        preselect: what is ticked at the beginning. By default nothing is, as on Google's own page.
        at_least: how many have to be ticked, 0 or 1.

    Raises:
        InvalidInput: a value is none of these, or a page that is skipped preselects nothing.
    """

    page: Literal["show", "skip"] = "show"
    preselect: Preselect = "none"
    at_least: Literal[0, 1] = 0

    def __post_init__(self) -> None:
        """Refuse what nobody can have meant."""
        at_least: object = self.at_least  # annotations bind no caller
        if self.page not in ("show", "skip") or type(at_least) is not int or at_least not in (0, 1):
            raise InvalidInput('Of a Picker, page is "show" or "skip", at_least is 0 or 1.')
        ids = self.preselect if isinstance(self.preselect, tuple) else ()
        if self.preselect not in ("none", "enabled") and not (ids and all(_is_id(each) for each in ids)):
            raise InvalidInput('Of a Picker, preselect is "none", "enabled" or a tuple of account ids.')
        if self.page == "skip" and self.preselect == "none":
            raise InvalidInput(
                "A Picker whose page is skipped and that preselects nothing would share nothing.",
                advice='Say preselect="enabled" or the ids to share; leave the Picker out to share all.',
            )


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= ID_LENGTH and value.isprintable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What a grant shares of what it reaches.

    `mode`: `all`, also what appears later, because nobody was to be asked; `open`: the person was to choose and has not
    yet, so nothing is; `preselect`: what the first look finds of `preselect` will be; `chosen`: what is marked shared.
    """

    mode: Literal["all", "open", "preselect", "chosen"] = "all"
    preselect: Preselect = "none"

    @classmethod
    def of(cls, picker: Picker | None) -> Sharing:
        """Return what a new grant begins with."""
        if picker is None:
            return cls()
        return cls(mode="preselect", preselect=picker.preselect) if picker.page == "skip" else cls(mode="open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """When one kind of account was looked for last; a row per grant and kind.

    `looked_at` is the last look that was answered, None before there was one; `tried_at` the last that was tried;
    `problem` says why that one failed, "" when it did not, and `advice` what to do. `version` counts the looks saved.
    """

    grant_id: str
    kind: str
    tried_at: datetime
    looked_at: datetime | None = None
    problem: str = ""
    advice: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanges:
    """What a look found, beside what was known before.

    Attributes:
        appeared: accounts that were not there before; on the first look, all of them.
        lost: accounts that are not there any more.
        unshared: those of `lost` that were shared.
        shared_left: how many shared accounts the grant still reaches.
        problems: kind -> why it could not be looked at; what was known of it stays as it is.
    """

    grant_id: str
    appeared: tuple[Account, ...] = ()
    lost: tuple[Account, ...] = ()
    shared_left: int = 0
    problems: dict[str, GrantkeeperError] = field(default_factory=dict)

    @property
    def unshared(self) -> tuple[Account, ...]:
        """The shared ones of those that were lost."""
        return tuple(each for each in self.lost if each.shared)

    @property
    def last_shared_lost(self) -> bool:
        """True when this look found that no shared account is left: the business can do nothing with the grant."""
        return bool(self.unshared) and not self.shared_left
