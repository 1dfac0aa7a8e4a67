from __future__ import annotations

import pytest

from emulator.box import Box


@pytest.fixture
def box() -> Box:
    """A box whose client is the default one."""
    return Box()
