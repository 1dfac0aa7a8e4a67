"""`make bench` works; what it measures is for people to read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from house.source import ROOT

REFRESHING = ("One expired token", "due grants on 64 threads", "while 70 refreshes")


@pytest.mark.parametrize(
    ("part", "contenders"),
    [
        ("throughput", ("bare HTTP client", "httpx2.Client", "Keeper.token, sqlite", "Keeper.token, postgresql")),
        ("clients", ("GoogleAdsClient as the library makes it", "google_ads.client")),
        ("hanging", ("Keeper.token, sqlite, in memory", "AsyncKeeper.token, postgresql, row read")),
    ],
)
def test_a_part_that_needs_no_peers_runs(part: str, contenders: tuple[str, ...]) -> None:
    """Both databases are measured, and every contender's aim is judged; none is asked to be reached."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", part], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    for contender in contenders:
        assert contender in done.stdout.partition("Aims")[0]
    assert "reached" in done.stdout.partition("Aims")[2]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_comparison_runs() -> None:
    """Every contender does its work on both databases, and the aims are judged."""
    done = subprocess.run(
        ["make", "bench", "ARGS=--quick"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=1100
    )

    assert done.returncode == 0, done.stderr
    headings = (
        "in memory",
        "sqlite, 100 grants",
        "postgresql, 100 grants",
        "Starting",
        *REFRESHING,
        "over HTTP",
        "Aims",
    )
    for heading in headings:
        assert heading in done.stdout
    for contender in ("grantkeeper, token", "google-auth", "python-social-auth", "django-allauth", "Flask-Dance"):
        assert done.stdout.count(contender) >= 2
