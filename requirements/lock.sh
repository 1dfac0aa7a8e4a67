#!/usr/bin/env bash
# Resolves every dependency anew: requirements/dev.txt first, the others at the same versions where they can.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=requirements/common.sh
. requirements/common.sh

if ! .venv-lock/bin/uv --version >/dev/null 2>&1; then
    ensure_python
    "$PYTHON" -m venv --clear .venv-lock
    .venv-lock/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
fi

compile() { # to, from, arguments
    local to=requirements/$1.txt
    shift
    .venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
        --custom-compile-command "make lock" "$@" -o "$to"
    say "wrote $to"
}

compile dev pyproject.toml --extra all --group dev "${@}"
compile demo pyproject.toml --extra google-ads --extra ad-manager --extra server --group build -c requirements/dev.txt
compile service pyproject.toml --extra server --extra postgres --extra mysql --extra telemetry --group build \
    -c requirements/dev.txt
compile bench pyproject.toml --extra all --group bench --group build -c requirements/dev.txt
compile legacy-build requirements/legacy-build.in
# What the file holds before is preferred, not required: googleads 35 needs older versions of a few.
cp requirements/dev.txt requirements/legacy.txt
compile legacy pyproject.toml requirements/legacy.in --group build
