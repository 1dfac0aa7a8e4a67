#!/usr/bin/env bash
# Makes the virtual environment that a make target needs, or leaves it alone when it is up to date.
#
#   install.sh demo     .venv with what `grantkeeper demo` needs
#   install.sh dev      .venv with that and what the tests and checks need (the same versions)
#   install.sh bench    .venv-bench with what the comparison needs
#   install.sh legacy   .venv-legacy with the last googleads that has AdWordsClient, for one test
#
# Up to date means: made from this lock file and this pyproject.toml, in this folder, by an interpreter that still runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=requirements/common.sh
. requirements/common.sh

kind=${1:?demo, dev, bench or legacy}
lock=requirements/$kind.txt
case $kind in
    demo | dev) venv=.venv ;;
    *) venv=.venv-$kind ;;
esac

fingerprint() {
    { cat "$1" pyproject.toml; pwd; "$venv/bin/python" -c 'import sys; print(sys.version)'; } 2>/dev/null | sha256sum
}

up_to_date() { # an environment for development has everything that the demo needs
    local each
    for each in "$kind" dev; do
        [ "$each" = dev ] && [ "$venv" != .venv ] && continue
        [ "$(cat "$venv/.made-for-$each" 2>/dev/null)" = "$(fingerprint "requirements/$each.txt")" ] && return 0
    done
    return 1
}

runs() { "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Two commands at once (a test run that starts `make bench`) must not build the same environment twice.
if command -v flock >/dev/null; then
    mkdir -p var
    exec 9>"var/$(basename "$venv").lock"
    flock 9
fi

if runs && up_to_date; then
    exit 0
fi
if ! runs || [ -n "$(find "$venv" -maxdepth 1 -name '.made-in' -exec grep -vxF "$PWD" {} +)" ]; then
    ensure_python
    say "making $venv with $($PYTHON -c 'import sys; print("Python", sys.version.split()[0])')"
    rm -rf "$venv"
    "$PYTHON" -m venv "$venv"
    pwd >"$venv/.made-in" # scripts in a virtual environment name its folder: a moved one is made again
fi
rm -f "$venv"/.made-for-*
say "installing $lock into $venv (minutes the first time, nothing after that)"
install() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$@"; }
if [ "$kind" = legacy ]; then # googleads 35 comes as source: what builds it is hashed too
    install --require-hashes -r requirements/legacy-build.txt
    install --require-hashes --no-build-isolation -r "$lock"
else
    install --require-hashes -r "$lock"
fi
install --no-build-isolation -e .
fingerprint "$lock" >"$venv/.made-for-$kind"
