#!/usr/bin/env bash
# Prints the folder of the newest PostgreSQL server's programs (initdb, pg_ctl, postgres); fails where there is none.
# Debian and Ubuntu keep them off the PATH, one folder a version.
set -euo pipefail

newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb | sort -V |
  while read -r initdb; do [ ! -x "$initdb" ] || echo "$initdb"; done | tail -n 1)
[ -n "$newest" ] || newest=$(command -v initdb) || exit 1
dirname "$(readlink -f "$newest")"
