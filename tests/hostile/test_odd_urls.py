"""Database URLs with what no driver can pass on: refused before one is asked, and without showing the password."""

from __future__ import annotations

import os
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from grantkeeper.errors import Misconfigured
from grantkeeper.store import SqlStore

PASSWORD = "planted-Password-4711"
NOT_UTF8 = os.fsdecode(b"\xff")
"""What an environment variable with a byte of another encoding holds (PEP 383)."""


def refusal(url: str) -> Misconfigured:
    """Return how a store at `url` is refused; nothing that led there holds the password."""
    with pytest.raises(Misconfigured) as refused, closing(SqlStore(url)) as store:
        store.check()
    error: BaseException | None = refused.value
    while error is not None:
        frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), capture_locals=True)
        ours = [str(frame.locals) for frame in frames if "/tests/" not in frame.filename]
        assert PASSWORD not in "".join([repr(error), repr(getattr(error, "object", "")), *ours])
        error = error.__cause__ or error.__context__
    return refused.value


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}{NOT_UTF8}@127.0.0.1:1/x",
        f"postgresql://u:{PASSWORD}@h{NOT_UTF8}:1/x",
        f"postgresql://u:{PASSWORD}@127.0.0.1:1/x{NOT_UTF8}",
        f"postgresql://u:{PASSWORD}@127.0.0.1:1/x?sslrootcert={NOT_UTF8}",
        f"postgresql://u:{PASSWORD}\ud800@127.0.0.1:1/x",
        f"postgresql://u:{PASSWORD}\0@127.0.0.1:1/x",
        f"postgresql://u:{PASSWORD}%00@127.0.0.1:1/x",
        f"postgresql://u:{PASSWORD}@127.0.0.1:1/x%00y",
        f"postgresql://u%0a:{PASSWORD}@127.0.0.1:1/x",
        f"postgresql://u:{PASSWORD}@[::1/x",
        f"postgresql://u:{PASSWORD}@127.0.0.1/x?port=first",
        "sqlite:///a\0b.sqlite3",
        f"sqlite:///{NOT_UTF8}.sqlite3",
        "sqlite:///a?b/c.sqlite3",
        "sqlite:///a.sqlite3?",
    ],
)
def test_a_url_that_cannot_be_passed_on_is_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """V-20, V-22: an encoder's error would hold the whole of it; half a path would be another database."""
    monkeypatch.chdir(tmp_path)
    assert "sqlite:///file" in refusal(url).advice
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a" * 300, "file.txt/a.sqlite3", "loop/a.sqlite3"])
def test_an_impossible_path_is_a_misconfiguration(name: str, tmp_path: Path) -> None:
    """The path and what is wrong with it are said."""
    (tmp_path / "file.txt").write_text("a file, not a folder")
    (tmp_path / "loop").symlink_to("loop")
    assert name in str(refusal(f"sqlite:///{tmp_path}/{name}"))
