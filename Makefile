# What can be done here; `make help` lists it. Each target sets up what it needs first and is quick when all is there.
# Everything that takes more than two lines is a script in deploy/, so that it can be read and run without make.

# The processor that FAISS is compiled for, on x86-64 only: auto takes x86-64-v3 (AVX2; every server processor since 2013)
# where this machine has it and plain x86-64 elsewhere. `make CPU= run` forces plain x86-64, as for a binary that is to run
# on older machines; any name of GCC's -march does too (`make CPU=native bench`). A change compiles FAISS again.
CPU = auto
export FAISS_CPU = $(CPU)

SHELL = /bin/bash
BINARY = $${CARGO_TARGET_DIR:-target}/release/tillsight
ENTER = . deploy/env.sh &&

.DEFAULT_GOAL = help
PREFIX = /opt/tillsight

.PHONY: help setup build install run demo test test-others test-training screenshots load bench lint deny
.NOTPARALLEL:

help:
	@printf '%s\n' \
	  'make run     build the server and start it on http://127.0.0.1:8000 (SQLite in ./data); Ctrl-C stops it' \
	  'make demo    a made-up store: products enrolled, a kiosk played, a receipt printed' \
	  'make test    all tests on SQLite and on a throwaway PostgreSQL' \
	  'make test-others  the API with a validator, generated requests and clients; every page by axe-core, keyboard, large text (fetches 500 MB)' \
  'make screenshots  a picture of every page, in light and dark, into target/screenshots, and those of the README' \
  'make test-training  the training of the models on little (fetches PyTorch, 3 GB)' \
	  'make load    in full: 10 000 confirmations, 2 000 jobs, 2 640 photos imported, while servers are killed' \
	  'make bench   the benchmarks; docs/benchmarks.md tells how to measure the Python peers beside them' \
	  'make lint    formatting, and clippy with the lints of this project' \
	  'make deny    licences, sources and bans of the dependencies; advisories where their database can be fetched' \
	  'make build   the binary target/release/tillsight' \
	  'make install  the program without debug information, models, manual pages and completions in PREFIX (/opt/tillsight)' \
	  'make setup   only what the build needs: CMake, a BLAS, a C++ compiler, the library of ONNX Runtime' \
	  '' \
	  'CPU=         FAISS for any x86-64 processor instead of one with AVX2: make CPU= run' \
	  'Settings are TILLSIGHT_* variables, for example TILLSIGHT_BIND=0.0.0.0:8000 make run'

setup:
	@deploy/setup.sh

build: setup
	@$(ENTER) explain_first_build release && cargo build --release --locked

install: build
	@deploy/install.sh $(PREFIX)

run: build
	@$(ENTER) exec $(BINARY) serve

demo: build
	@$(ENTER) exec $(BINARY) demo

test:
	@deploy/setup.sh --tests
	@deploy/test.sh

test-others:
	@deploy/setup.sh --others
	@deploy/test.sh --test others -- --test-threads 2

screenshots:
	@deploy/setup.sh --others
	@deploy/test.sh --test screenshots

test-training:
	@deploy/setup.sh --training
	@deploy/test.sh --test training

load:
	@deploy/setup.sh --tests
	@NUMBERING_LOAD_CONFIRMS=10000 NUMBERING_LOAD_KILLS=12 IMPORT_LOAD_PRODUCTS=81 IMPORT_LOAD_RECOGNITIONS=200 \
	  deploy/test.sh --test api -- numbering_load queue_load import_load --test-threads 1

bench: setup
	@$(ENTER) explain_first_build release && cargo bench --locked

lint: setup
	@$(ENTER) cargo fmt --check
	@$(ENTER) explain_first_build release && cargo clippy --release --locked --all-targets --features fail-points -- -D warnings

deny:
	@deploy/setup.sh --tests
	@deploy/deny.sh
