#!/usr/bin/env bash
# Runs a command beside a PostgreSQL of its own, and removes that again however the command ends:
#
#   deploy/throwaway-postgres.sh cargo test db::
#   deploy/throwaway-postgres.sh bash -c 'psql "$TILLSIGHT_TEST_POSTGRES_URL"'
#
# The cluster lies in a new folder in /tmp and listens on a free port of 127.0.0.1 with a random password. It does not
# wait for the disk (fsync off): it is for tests, which kill the server, not the machine. THROWAWAY_FSYNC=on makes it
# wait, for benches. THROWAWAY_TLS=only makes it refuse connections without TLS; THROWAWAY_CA then names the certificate of
# the authority that signed its own. Prints nothing of its own unless it fails.
set -euo pipefail

say() { printf 'tillsight: %s\n' "$*" >&2; }
[ $# -gt 0 ] || { say 'deploy/throwaway-postgres.sh needs a command to run'; exit 2; }
fsync=${THROWAWAY_FSYNC:-off}
case $fsync in on | off) ;; *) say "THROWAWAY_FSYNC is $fsync: it can be on or off"; exit 2 ;; esac
tls=${THROWAWAY_TLS:-off}
case $tls in only | off) ;; *) say "THROWAWAY_TLS is $tls: it can be only or off"; exit 2 ;; esac
programs=$("$(dirname "$0")/find-postgres.sh") ||
  { say "PostgreSQL's server programs were not found: deploy/setup.sh --tests installs them"; exit 1; }

# PostgreSQL refuses to run as root; root lends it to another user.
as_owner=()
if [ "$(id -u)" = 0 ]; then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || owner=nobody
  as_owner=(setpriv "--reuid=$owner" "--regid=$(id -g "$owner")" --clear-groups)
fi

# In /tmp whatever TMPDIR is: a socket's path may have 107 bytes, and the owner must be able to get there.
folder=$(mktemp -d /tmp/tillsight-postgres.XXXXXX)
log=$folder/log
command=

# Stops a command that is in a process group of its own, with all that it started.
stop_command() {
  [ -n "$command" ] || return 0
  kill -TERM -- "-$command" 2>/dev/null || return 0
  for _ in {1..100}; do
    kill -0 -- "-$command" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL -- "-$command" 2>/dev/null || true
}
remove() {
  trap '' INT TERM HUP
  stop_command
  if [ -f "$folder/data/postmaster.pid" ]; then
    (cd / && "${as_owner[@]}" "$programs/pg_ctl" stop -D "$folder/data" -m immediate -w -t 20 >/dev/null 2>&1) ||
      say "could not stop the PostgreSQL in $folder"
  fi
  rm -rf "$folder"
}
trap remove EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" >"$folder/password"
: >"$log"
[ ${#as_owner[@]} = 0 ] || chown -R "$owner" "$folder"

# The owner may not be allowed into the folder that this was called from.
run_as_owner() { (cd / && "${as_owner[@]}" "$@") </dev/null >>"$log" 2>&1; }
broken() { tail -n 20 "$log" >&2; say "PostgreSQL $1 (see above)"; exit 1; }

locale=C
! locale -a 2>/dev/null | grep -qix 'c\.utf-\?8' || locale=C.UTF-8
run_as_owner "$programs/initdb" -D "$folder/data" -U tillsight --auth=scram-sha-256 --pwfile="$folder/password" \
  --encoding=UTF8 --locale="$locale" --no-sync || broken 'could not make a cluster'
cat >>"$folder/data/postgresql.conf" <<SETTINGS
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 300
fsync = $fsync
full_page_writes = $fsync
max_wal_size = 256MB
SETTINGS

# An authority, and a certificate for localhost that it signed.
make_certificates() {
  cd "$folder" || return 1
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=throwaway authority' \
    -keyout ca.key -out ca.crt
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout data/server.key \
    -out server.csr
  printf 'subjectAltName = DNS:localhost\n' >server.ext
  openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out data/server.crt
  chmod 600 data/server.key
  [ ${#as_owner[@]} = 0 ] || chown "$owner" data/server.key data/server.crt
}
if [ "$tls" = only ]; then
  (set -e; make_certificates) >>"$log" 2>&1 || broken 'got no certificate'
  echo 'ssl = on' >>"$folder/data/postgresql.conf"
  # As root, the file stays its owner's.
  echo 'hostssl all all 127.0.0.1/32 scram-sha-256' | tee "$folder/data/pg_hba.conf" >/dev/null
  export THROWAWAY_CA=$folder/ca.crt
fi

# Another program can take a free port first; then it is the next one's turn.
port=
for _ in {1..20}; do
  candidate=$((20000 + RANDOM % 12000))
  ! (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null || continue
  if run_as_owner "$programs/pg_ctl" start -D "$folder/data" -l "$log" -o "-p $candidate" -w -t 60; then
    port=$candidate
    break
  fi
  grep -q 'Address already in use' "$log" || break
done
[ -n "$port" ] || broken 'did not start'
export TILLSIGHT_TEST_POSTGRES_URL=postgres://tillsight:$password@127.0.0.1:$port/postgres

if [ -t 0 ]; then
  # At a terminal the command gets the keyboard, and Ctrl-C reaches it and this script alike.
  "$@"
else
  # Elsewhere a signal may come to this script alone; bash answers it at once only while it waits for a background job,
  # and a group of its own lets that job be stopped with all that it started.
  set -m
  "$@" <&0 &
  command=$!
  set +m
  wait "$command"
fi
