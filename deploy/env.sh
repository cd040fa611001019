# shellcheck shell=bash
# Sourced by the Makefile and the scripts beside it, from the root of the checkout: puts the tools that setup.sh fetched
# on the PATH, names the library of ONNX Runtime, and chooses the processor that FAISS is compiled for. It exports no
# TILLSIGHT_* variable: the server takes all of those as settings and refuses the ones it does not know.

target=${CARGO_TARGET_DIR:-target}

# rustup puts cargo there, and a shell opened before that does not have it on its PATH yet.
command -v cargo >/dev/null || PATH=$PATH:${HOME:-/root}/.cargo/bin
# CMake, where the system's is missing or too old, and cargo-deny.
[ ! -d target/tools/bin ] || PATH=$PATH:$PWD/target/tools/bin
[ ! -x target/tools/bin/cmake ] || PATH=$PWD/target/tools/bin:$PATH
export PATH

# The server finds this library by itself; tests and benches have no folder of their own to look in.
if [ -z "${ORT_DYLIB_PATH:-}" ] && [ -e target/onnxruntime/libonnxruntime.so ]; then
  export ORT_DYLIB_PATH=$PWD/target/onnxruntime/libonnxruntime.so
fi

# Whether this processor can run code for x86-64-v3 (as far as the kernel's names for it tell).
has_avx2() {
  local flags flag
  flags=" $(grep -m1 '^flags' /proc/cpuinfo) "
  for flag in avx2 bmi1 bmi2 f16c fma abm movbe; do
    case $flags in *" $flag "*) ;; *) return 1 ;; esac
  done
}

# Chooses the C++ flags of FAISS. .cargo/config.toml holds the default; the environment wins over it.
# Cargo does not notice when these flags change, so the last ones are kept in a file, and FAISS is thrown away on a change.
choose_cpu() {
  [ "$(uname -m)" = x86_64 ] || return 0
  local wanted last=default
  case ${FAISS_CPU-auto} in
    auto)
      # A variable that the caller has set stays as it is.
      if [ -z "${CXXFLAGS_x86_64_unknown_linux_gnu+set}" ] && ! has_avx2; then
        echo 'tillsight: this processor has no AVX2, so FAISS is compiled for any x86-64' >&2
        export CXXFLAGS_x86_64_unknown_linux_gnu=-march=x86-64
      fi ;;
    '') export CXXFLAGS_x86_64_unknown_linux_gnu=-march=x86-64 ;;
    *) export CXXFLAGS_x86_64_unknown_linux_gnu=-march=$FAISS_CPU ;;
  esac
  wanted=${CXXFLAGS_x86_64_unknown_linux_gnu-default}
  # Naming the default must not compile it again.
  [ "$wanted" != -march=x86-64-v3 ] || wanted=default
  [ ! -f "$target/faiss-flags" ] || last=$(<"$target/faiss-flags")
  [ "$wanted" != "$last" ] || return 0
  if compgen -G "$target/*/build/faiss-sys-*" >/dev/null; then
    echo "tillsight: FAISS was compiled for another processor ($last, now $wanted) and is compiled again" >&2
    cargo clean --quiet --locked -p faiss-sys && cargo clean --quiet --locked --release -p faiss-sys || return 1
  fi
  mkdir -p "$target" && printf '%s\n' "$wanted" >"$target/faiss-flags"
}

# Says why the next step takes minutes, when it will. $1: debug or release.
explain_first_build() {
  compgen -G "$target/$1/build/faiss-sys-*/out/lib*/libfaiss.a" >/dev/null ||
    echo 'tillsight: building; the first time takes 10 to 15 minutes on two cores, since FAISS is compiled from source' >&2
}

choose_cpu
