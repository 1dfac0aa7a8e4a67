"""A grant's credentials as an object: copied, pickled, printed, asked about."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable
from datetime import timedelta

import google.auth.credentials
import pytest
from google.auth.exceptions import RefreshError

from clients.sources import GRANT, ScriptedSource, dead, send
from grantkeeper.clients.google_auth import GrantCredentials
from grantkeeper.emulator import Clock
from grantkeeper.errors import ConsentRequired

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda each: each.with_quota_project("billing")],
    ids=["copy", "deepcopy", "with_quota_project"],
)
def test_a_copy_goes_on_where_the_original_was(
    source: ScriptedSource,
    credentials: GrantCredentials,
    clock: Clock,
    copied: Callable[[GrantCredentials], GrantCredentials],
) -> None:
    """Token, expiry and source come along (google-auth's own refresh_handler credentials lose both)."""
    send(credentials)
    twin = copied(credentials)

    assert isinstance(twin, GrantCredentials)
    assert (twin.token, twin.expiry, twin.grant_id) == (credentials.token, credentials.expiry, GRANT)
    clock.advance(HOUR)
    assert send(twin) == "token-2"
    assert credentials.token == "token-1"


def test_with_quota_project_leaves_the_original_alone(credentials: GrantCredentials) -> None:
    """google-auth calls it a copy."""
    twin = credentials.with_quota_project("billing")

    assert (twin.quota_project_id, credentials.quota_project_id) == ("billing", None)


def test_an_error_of_a_copy_is_seen_at_the_original(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """A library that copies what it gets (api_core does, for a quota project) does not hide why it failed."""
    source.trouble = dead()
    with pytest.raises(RefreshError):
        send(credentials.with_quota_project("billing"))

    assert isinstance(credentials.last_error, ConsentRequired)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_credentials_cannot_be_pickled_and_say_what_to_do(credentials: GrantCredentials, protocol: int) -> None:
    """V-21: a token would leave the process in clear."""
    send(credentials)
    with pytest.raises(TypeError, match=r"Make them anew where they are needed"):
        pickle.dumps(credentials, protocol)


def test_credentials_show_no_token(credentials: GrantCredentials) -> None:
    """V-21, V-22: neither repr nor a traceback with local variables shows it."""
    token = send(credentials)

    assert GRANT in repr(credentials)
    assert token not in f"{credentials!r} {credentials} {credentials:}{traceback_of(credentials)}"


def traceback_of(credentials: GrantCredentials) -> str:
    """Return a traceback with local variables, the credentials among them."""
    try:
        int(credentials)  # type: ignore[call-overload]
    except TypeError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "credentials = GrantCredentials(" in text
    return text


def test_no_log_line_of_ours_or_google_auths_holds_a_token(
    source: ScriptedSource, credentials: GrantCredentials, caplog: pytest.LogCaptureFixture
) -> None:
    """V-20: also at DEBUG, across a renewal, a rejection and a failure."""
    caplog.set_level(logging.DEBUG)
    send(credentials)
    credentials.refresh(object())
    source.trouble = dead()
    with pytest.raises(RefreshError):
        credentials.refresh(object())

    assert "token-" not in caplog.text


def test_credential_info_names_the_grant(credentials: GrantCredentials) -> None:
    """Google's libraries add it to the details of a 401, 403 or 404."""
    assert credentials.get_cred_info() == {
        "credential_source": "grantkeeper",
        "credential_type": "grant",
        "principal": GRANT,
    }


def test_no_lookup_of_regional_access_boundaries_is_started(credentials: GrantCredentials) -> None:
    """google-auth 2.6x asks IAM in the background for credentials that derive from these; users have none."""
    assert isinstance(credentials, google.auth.credentials.CredentialsWithQuotaProject)
    assert not isinstance(credentials, google.auth.credentials.CredentialsWithRegionalAccessBoundary)
    assert credentials.universe_domain == "googleapis.com"
