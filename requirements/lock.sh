#!/usr/bin/env bash
# Resolves every dependency anew: requirements/dev.txt first, the others at the same versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=requirements/common.sh
. requirements/common.sh

if ! .venv-lock/bin/uv --version >/dev/null 2>&1; then
    ensure_python
    "$PYTHON" -m venv --clear .venv-lock
    .venv-lock/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
fi

compile() { # to, arguments
    local to=requirements/$1.txt
    shift
    .venv-lock/bin/uv pip compile pyproject.toml --quiet --universal --generate-hashes --python-version 3.11 \
        --custom-compile-command "make lock" "$@" -o "$to"
    say "wrote $to"
}

compile dev --extra all --group dev "${@}"
compile demo --extra google-ads --extra ad-manager --extra server --group build -c requirements/dev.txt
compile bench --extra all --group bench --group build -c requirements/dev.txt
