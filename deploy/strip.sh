#!/usr/bin/env bash
# Writes a program without its debug information, and that in a file of its own: deploy/strip.sh PROGRAM FOLDER [SYMBOLS]
#
#   FOLDER/tillsight         names of functions stay, so that a panic's backtrace has them
#   SYMBOLS/tillsight.debug  files and lines. A backtrace finds it as FOLDER/.debug/tillsight.debug (the default), and so does gdb.
#
# cargo's own `strip` would change the profile, and with it compile every dependency again.
set -euo pipefail
program=$1 folder=$2 symbols=${3:-$2/.debug}
name=$(basename "$program")
command -v objcopy >/dev/null || { echo 'tillsight: objcopy is missing: install binutils' >&2; exit 1; }

mkdir -p "$folder" "$symbols"
objcopy --only-keep-debug --compress-debug-sections "$program" "$symbols/$name.debug"
chmod 644 "$symbols/$name.debug"
# Under another name first: a running program cannot be written over.
objcopy --strip-debug --add-gnu-debuglink="$symbols/$name.debug" "$program" "$folder/$name.new"
chmod 755 "$folder/$name.new"
mv -f "$folder/$name.new" "$folder/$name"
