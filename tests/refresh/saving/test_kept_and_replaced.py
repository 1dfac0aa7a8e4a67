"""What is kept until the database takes it is not taken for what somebody else saved there meanwhile."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from grantkeeper import DatabaseUnavailable
from grantkeeper.model import GrantRow, Secret, Tokens
from refresh.saving.outages import comes_back, goes_away
from refresh.scene import HOUR, SECOND, Scene


def test_the_token_of_a_kept_answer_is_not_handed_out_for_a_consent_given_meanwhile(scene: Scene) -> None:
    """R-14, R-55: the next version in the database is another's, and so is its token."""
    grant_id = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene, DatabaseUnavailable("The database is away."))
    keeper.token(grant_id)
    row = scene.row(grant_id)
    grant = replace(row.grant, version=row.grant.version + 1, expires_at=scene.clock.now() + HOUR)
    tokens = Tokens(refresh_token=Secret("new"), access_token=Secret("of the consent"))
    sealed = scene.vault.seal_tokens(tokens, grant=grant, generation=row.generation + 1, key=None)
    with closing(scene.database()) as store:
        consent = GrantRow(grant=grant, generation=row.generation + 1, sealed=sealed)
        store.save_tokens(consent, expected_version=row.grant.version, attempt=None)
    comes_back(scene)
    scene.clock.advance(2 * SECOND)

    assert keeper.token(grant_id).value == Secret("of the consent")
