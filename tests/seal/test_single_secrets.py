"""A secret that is sealed for one column of one row opens there and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from grantkeeper.errors import SealBroken
from grantkeeper.keeper.vault import Vault
from grantkeeper.model import Secret
from grantkeeper.seal import KeyRing, new_key

PLACE: dict[str, Any] = {"table": "link", "row": "ln_1", "column": "token"}


@pytest.mark.parametrize("other", [{"table": "endpoint"}, {"row": "ln_2"}, {"column": "code"}, {"generation": 1}])
def test_a_secret_opens_in_its_own_place_only(other: dict[str, Any]) -> None:
    """V-02, V-14: table, row, column and generation are bound."""
    vault = Vault(KeyRing.parse(new_key()), "installation")
    sealed = vault.seal_secret(Secret("what only its own row may open"), **PLACE)

    assert vault.open_secret(sealed, **PLACE) == Secret("what only its own row may open")
    with pytest.raises(SealBroken):
        vault.open_secret(sealed, **PLACE | other)
