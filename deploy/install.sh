#!/usr/bin/env bash
# Installs what `make build` has built: deploy/install.sh PREFIX. DESTDIR goes before it, as packagers expect.
#
#   bin/tillsight                           the program, with its debug information in bin/.debug
#   onnxruntime/libonnxruntime.so, models   where the program looks for them
#   share/man, share/bash-completion, …     manual pages, completions
#
# The shipped models are replaced; models under other names stay.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
prefix=${DESTDIR:-}${1:?the folder to install to}

deploy/strip.sh "$target/release/tillsight" "$prefix/bin"
install -D -m 644 -t "$prefix/onnxruntime" target/onnxruntime/libonnxruntime.so
install -d "$prefix/models"
install -m 644 models/*.json models/*.onnx "$prefix/models"

program=$prefix/bin/tillsight share=$prefix/share
"$program" man "$share/man/man1"
write() { mkdir -p "$(dirname "$1")" && "$program" completions "$2" >"$1"; }
write "$share/bash-completion/completions/tillsight" bash
write "$share/zsh/site-functions/_tillsight" zsh
write "$share/fish/vendor_completions.d/tillsight.fish" fish
printf 'installed in %s: %s MB and %s MB of debug information\n' "$prefix" \
  "$(($(stat -c %s "$program") / 1000000))" "$(($(stat -c %s "$prefix/bin/.debug/tillsight.debug") / 1000000))"
