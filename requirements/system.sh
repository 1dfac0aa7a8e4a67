#!/usr/bin/env bash
# The tests use real database servers, PostgreSQL (with PgBouncer) and MariaDB, a real browser with axe-core, and a real
# load by wrk; systemd judges the unit that we deploy. Installs what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=requirements/common.sh
. requirements/common.sh

have_postgres() { command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
have_pgbouncer() { PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null; }
have_mariadb() { PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null; }
have_chromium() { command -v chromium >/dev/null; }
have_wrk() { command -v wrk >/dev/null; }
have_systemd() { command -v systemd-analyze >/dev/null; }

missing=()
have_postgres || missing+=(postgresql)
have_pgbouncer || missing+=(pgbouncer)
have_mariadb || missing+=(mariadb-server)
have_chromium || missing+=(chromium fonts-liberation) # a page without a font has no text
have_wrk || missing+=(wrk) # the benchmark's load
have_systemd || missing+=(systemd) # only looked at, never started
[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
have_postgres || fail "initdb was not found: please install PostgreSQL's server"
have_pgbouncer || fail "pgbouncer was not found: please install PgBouncer"
have_mariadb || fail "mariadbd was not found: please install MariaDB's server"
have_chromium || fail "chromium was not found: please install it"
have_wrk || fail "wrk was not found: please install it"
have_systemd || fail "systemd-analyze was not found: please install systemd"
bash requirements/axe.sh
