#!/usr/bin/env bash
# `make test-ha` runs PostgreSQL under Patroni with etcd: installs what of the two is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=requirements/common.sh
. requirements/common.sh

missing=()
command -v patroni >/dev/null || missing+=(patroni)
command -v etcd >/dev/null || missing+=(etcd-server)
[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
for program in patroni etcd; do
    command -v $program >/dev/null || fail "$program was not found: please install it"
done
