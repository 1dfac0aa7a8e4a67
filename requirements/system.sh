#!/usr/bin/env bash
# The tests use real database servers, PostgreSQL (with PgBouncer) and MariaDB, a real browser with axe-core, and a real
# load by wrk: installs what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=requirements/common.sh
. requirements/common.sh

have_postgres() { command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
have_pgbouncer() { PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null; }
have_mariadb() { PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null; }
have_chromium() { command -v chromium >/dev/null; }
have_wrk() { command -v wrk >/dev/null; }

missing=()
have_postgres || missing+=(postgresql)
have_pgbouncer || missing+=(pgbouncer)
have_mariadb || missing+=(mariadb-server)
have_chromium || missing+=(chromium fonts-liberation) # a page without a font has no text
have_wrk || missing+=(wrk) # the benchmark's load
[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
have_postgres || fail "initdb was not found: please install PostgreSQL's server"
have_pgbouncer || fail "pgbouncer was not found: please install PgBouncer"
have_mariadb || fail "mariadbd was not found: please install MariaDB's server"
have_chromium || fail "chromium was not found: please install it"
have_wrk || fail "wrk was not found: please install it"
bash requirements/axe.sh
