"""The guide "API access on behalf of your clients (web flow)": its own code, and the same five steps with grantkeeper.

Where today's libraries no longer do what the guide's code expects, the line is marked `changed` with the reason; a test
below shows that each change is needed. What only makes Google's libraries reach the emulator is marked `emulator`.
Library behaviour: google-auth-oauthlib 1.5.0, googleads 51.0.0.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import google_auth_oauthlib.flow
import pytest
from googleads import ad_manager as googleads_ad_manager
from googleads import oauth2
from googleads.common import ZeepServiceProxy
from googleads.errors import GoogleAdsValueError

from clients.libraries import GOOGLEADS_WARNINGS
from grantkeeper import Keeper
from grantkeeper.clients import ad_manager
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.server import serve
from grantkeeper.model import Grant

pytestmark = GOOGLEADS_WARNINGS

REDIRECT_URI = "https://www.example.com/oauth2callback"
SCOPE = oauth2.GetAPIScope("ad_manager")
ADWORDS = "https://www.googleapis.com/auth/adwords"
IDA = "ida@nordwind-outdoor.example"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Google in a box, on a port."""
    emulator = Emulator()
    with serve(emulator):
        yield emulator


@pytest.fixture
def folder(emulator: Emulator, tmp_path: Path) -> Path:
    """Step 1, the same for both: the OAuth client's JSON, as downloaded from the Cloud console."""
    (tmp_path / "client_secret.json").write_text(json.dumps(emulator.client_secret(None, [REDIRECT_URI])))
    return tmp_path


@pytest.fixture
def at_the_emulator(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Google's libraries reach the emulator."""
    # emulator: oauthlib refuses http, and the emulator speaks it.
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    # emulator: googleads ignores the token_uri of client_secret.json and always asks this one.
    monkeypatch.setattr(oauth2.GoogleOAuth2Client, "_GOOGLE_OAUTH2_ENDPOINT", f"{emulator.base_url}/o/oauth2/token")


@pytest.fixture
def relaxed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed: Google answers with scopes from earlier consents too, and oauthlib raises a Warning on any difference.

    That is after Google has spent the code. The only switch is this one, for the whole process.
    """
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")


# --- the guide's code ------------------------------------------------------------------------------------------------


def new_flow(folder: Path, scope: str = SCOPE) -> Any:
    """Step 2, first half: a Flow from the file."""
    flow = google_auth_oauthlib.flow.Flow.from_client_secrets_file(folder / "client_secret.json", scopes=[scope])
    flow.redirect_uri = REDIRECT_URI
    return flow


def code_of(url: str) -> str:
    """Step 3: the redirect comes back to the business with a code."""
    return parse_qs(urlsplit(url).query)["code"][0]


def ida_consented_to_google_ads_before(emulator: Emulator, folder: Path) -> None:
    """So there is something for `include_granted_scopes` to include."""
    auth_url, _ = new_flow(folder, ADWORDS).authorization_url(access_type="offline")
    emulator.consent(auth_url, IDA)


def networks(client: Any, emulator: Emulator) -> list[str]:
    """Step 5, second half: a call of the API."""
    service = client.GetService("NetworkService", server=emulator.base_url)  # emulator: server=
    return [network["networkCode"] for network in service.getAllNetworks()]


@pytest.mark.usefixtures("at_the_emulator", "relaxed")
def test_the_guides_own_code_runs_against_the_emulator(emulator: Emulator, folder: Path) -> None:
    """Five steps: credentials, consent, redirect, store, client."""
    ida_consented_to_google_ads_before(emulator, folder)

    # Step 2: generate the authorization URL and send the client there.
    flow = new_flow(folder)
    auth_url, _ = flow.authorization_url(access_type="offline", include_granted_scopes="true")
    # changed: since google-auth-oauthlib 1.3 the flow proves itself with a PKCE verifier, which lives in this object
    # only. The callback is another request and often another process, so the business has to store it.
    verifier = flow.code_verifier

    # Step 3: handle the redirect.
    back = emulator.consent(auth_url, IDA)
    flow = new_flow(folder)
    flow.code_verifier = verifier  # changed: see above
    flow.fetch_token(code=code_of(back))

    # Step 4: store the credentials in the database.
    credentials = flow.credentials
    stored = {"ida": credentials.refresh_token}

    # Step 5: at the next login, build an API client from them.
    oauth2_client = oauth2.GoogleRefreshTokenClient(credentials.client_id, credentials.client_secret, stored["ida"])
    # changed: AdWordsClient is gone since googleads 36 (2022), and its API since that year; AdManagerClient remains.
    client = googleads_ad_manager.AdManagerClient(oauth2_client, "Nordwind reports", cache=ZeepServiceProxy.NO_CACHE)

    assert networks(client, emulator) == ["21700000001"]


# --- the same five steps with grantkeeper ----------------------------------------------------------------------------

CONFIGURATION = """
database = "sqlite:///grantkeeper.sqlite3"
key_file = "grantkeeper.key"
emulator = "{emulator}"

[clients.ad-manager]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "https://www.example.com/oauth2callback"
scopes = ["ad_manager"]
"""


def test_the_same_five_steps_with_grantkeeper(emulator: Emulator, folder: Path) -> None:
    """Nothing is carried by hand but the flow's value in the browser's session, and nothing is stored in clear."""
    # Step 1: name the file once, and let `grantkeeper init` make key and database.
    (folder / "grantkeeper.toml").write_text(CONFIGURATION.format(emulator=emulator.base_url))
    (folder / "client_secret.json").chmod(0o600)
    environ = {**os.environ, "GRANTKEEPER_CONFIG": str(folder / "grantkeeper.toml")}
    init = "from grantkeeper.cli import main; import sys; sys.argv[1:] = ['init']; main()"
    subprocess.run([sys.executable, "-c", init], env=environ, cwd=folder, check=True, capture_output=True, timeout=60)

    # Step 2: send the client to the consent screen.
    with Keeper.from_env(environ) as keeper:
        redirect = keeper.begin("nordwind", "ad-manager")
    session = {"flow": redirect.flow}

    # Step 3 and 4: handle the redirect, in any process; the grant is stored, sealed.
    back = emulator.consent(redirect.url, IDA)
    with Keeper.from_env(environ) as keeper:
        assert isinstance(keeper.complete(session["flow"], back), Grant)

    # Step 5: at the next login, the client.
    with Keeper.from_env(environ) as keeper:
        grant = keeper.find("nordwind", "ad-manager")
        client = ad_manager.client(
            keeper, grant.id, application_name="Nordwind reports", cache=ZeepServiceProxy.NO_CACHE
        )

        assert networks(client, emulator) == ["21700000001"]


# --- each change to the guide is needed ------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_the_emulator", "relaxed")
def test_without_the_verifier_the_guides_callback_fails(emulator: Emulator, folder: Path) -> None:
    """The guide makes a second Flow in the callback and knows nothing of PKCE."""
    auth_url, _ = new_flow(folder).authorization_url(access_type="offline", include_granted_scopes="true")
    back = emulator.consent(auth_url, IDA)

    with pytest.raises(Exception, match="Missing code verifier"):
        new_flow(folder).fetch_token(code=code_of(back))


@pytest.mark.usefixtures("at_the_emulator")
def test_without_relaxing_the_scopes_a_second_consent_fails(emulator: Emulator, folder: Path) -> None:
    """Incremental authorization, as the guide asks for, makes the answer hold more than was asked."""
    ida_consented_to_google_ads_before(emulator, folder)
    flow = new_flow(folder)
    auth_url, _ = flow.authorization_url(access_type="offline", include_granted_scopes="true")
    back = emulator.consent(auth_url, IDA)

    with pytest.raises(Warning, match="Scope has changed"):
        flow.fetch_token(code=code_of(back))


def test_the_guides_scope_for_adwords_is_unknown_to_googleads_today() -> None:
    """`GetAPIScope('adwords')` is the guide's second line; `providers.google.api_scopes` is its successor."""
    from grantkeeper.providers.google import api_scopes

    with pytest.raises(GoogleAdsValueError):
        oauth2.GetAPIScope("adwords")
    assert oauth2.GetAPIScope("ad_manager") in api_scopes("ad_manager")
    assert api_scopes("adwords") == (ADWORDS,)
