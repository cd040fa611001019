#!/usr/bin/env bash
# Checks the dependencies with cargo-deny: bans, licences, sources; advisories where their database can be fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/env.sh

if ! cargo deny --version >/dev/null 2>&1; then
  echo 'dependencies: SKIPPED, cargo-deny is not installed (cargo install cargo-deny --locked)'
  # On a person's machine it is optional; for a change to pass, it is not.
  [ -z "${CI:-}" ] || exit 1
  exit 0
fi
cargo deny --locked --log-level error check bans licenses sources
if timeout 60 cargo deny --locked fetch db >/dev/null 2>&1; then
  cargo deny --locked --log-level error check --disable-fetch advisories
else
  echo 'advisories: SKIPPED, their database could not be fetched'
fi
