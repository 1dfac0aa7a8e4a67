"""`make bench` works; what it measures is for people to read."""

from __future__ import annotations

import subprocess

import pytest

from house.source import ROOT


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_comparison_runs() -> None:
    """Every contender does its work on both databases, and the aims are judged."""
    done = subprocess.run(
        ["make", "bench", "ARGS=--quick"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=1100
    )

    assert done.returncode == 0, done.stderr
    for heading in ("in memory", "sqlite, 100 grants", "postgresql, 100 grants", "Starting", "Aims"):
        assert heading in done.stdout
    for contender in ("grantkeeper, token", "google-auth", "python-social-auth", "django-allauth", "Flask-Dance"):
        assert done.stdout.count(contender) >= 2
