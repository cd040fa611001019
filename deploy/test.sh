#!/usr/bin/env bash
# All tests, on SQLite and on PostgreSQL: a throwaway one, or the one that TILLSIGHT_TEST_POSTGRES_URL names (an account that
# may create databases). The arguments go to `cargo test`: deploy/test.sh --lib db::
#
# Tests are compiled in the server's profile, so that both share their dependencies; only our own crate is compiled without
# optimisation, which takes a tenth of the time, and with debug assertions.
#
# Ends with the counts; the last line is `N passed, N failed, N skipped`, and the exit status is cargo's. A test belongs to
# the database in whose module it is (…::sqlite::…, …::postgres::…). A test that lacks something it needs (the real photos)
# appends `NAME: REASON` to the file named by TILLSIGHT_SKIPPED_TESTS, and returns; it counts as skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${TILLSIGHT_TEST_POSTGRES_URL:-}" ]; then
  exec deploy/throwaway-postgres.sh deploy/test.sh "$@"
fi

. deploy/env.sh
mkdir -p "$target"
log=$target/test.log
export TILLSIGHT_SKIPPED_TESTS=$target/test-skipped
case $TILLSIGHT_SKIPPED_TESTS in /*) ;; *) TILLSIGHT_SKIPPED_TESTS=$PWD/$TILLSIGHT_SKIPPED_TESTS ;; esac
: >"$TILLSIGHT_SKIPPED_TESTS"

explain_first_build release
own=profile.release.package.tillsight
# The tests' own program, unoptimised and with fail points, must not replace the built server.
server=$target/release/tillsight
# Removed first: `mv` refuses two names of one file, which an interrupted run can leave.
put_server_back() { rm -f "$server"; [ ! -e "$server.kept" ] || mv "$server.kept" "$server"; }
[ ! -e "$server" ] || { rm -f "$server.kept"; mv "$server" "$server.kept"; }
trap put_server_back EXIT
status=0
cargo test --locked --release --config "$own.opt-level=0" --config "$own.debug-assertions=true" \
  --features fail-points --no-fail-fast --color never "$@" 2>&1 | tee "$log" || status=$?

# First the skipped names, then cargo's output. A test program that ends without its `test result:` line has crashed.
awk '
  function database(name) {
    if (name ~ /(^|::)sqlite::/) return "sqlite"
    return name ~ /(^|::)postgres(ql)?::/ ? "postgres" : "neither"
  }
  function close_program() {
    if (program != "") { failed++; failures = failures "\n  " program ": ended before its tests did" }
    program = ""
  }
  FILENAME == ARGV[1] {
    name = $1; sub(/:$/, "", name)
    reason = ""; if (index($0, ": ")) reason = " (" substr($0, index($0, ": ") + 2) ")"
    if (name != "" && !(name in skip)) { skip[name] = 1; why[name] = reason; order[++names] = name }
    next
  }
  /^ +Running / { close_program(); program = $0; sub(/^ +Running /, "", program) }
  /^ +Doc-tests / { close_program(); program = $0; sub(/^ +/, "", program) }
  /^test result: / { program = "" }
  /^test .* \.\.\. (ok|FAILED|ignored.*)$/ {
    result = $0; sub(/^.* \.\.\. /, "", result)
    name = $0; sub(/^test /, "", name); sub(/ \.\.\. (ok|FAILED|ignored.*)$/, "", name); sub(/ - should panic$/, "", name)
    if (result == "FAILED") { failed++; ran[database(name)]++; failures = failures "\n  " name }
    else if (result ~ /^ignored/ || name in skip) {
      if (!(name in skip)) { sub(/^ignored,? ?/, "", result); skip[name] = 1; order[++names] = name; why[name] = result == "" ? " (ignored)" : " (" result ")" }
      skipped++
    }
    else { passed++; ran[database(name)]++ }
  }
  END {
    close_program()
    list = ""; for (i = 1; i <= names; i++) list = list (i > 1 ? ", " : "") order[i] why[order[i]]
    print ""
    if (failures != "") print "failed:" failures
    printf "%d tests on SQLite, %d on PostgreSQL, %d on neither; skipped: %s\n", ran["sqlite"], ran["postgres"], ran["neither"], list == "" ? "none" : list
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
  }
' "$TILLSIGHT_SKIPPED_TESTS" "$log" | tee "$target/test-summary"
exit "$status"
