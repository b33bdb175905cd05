# The commands of a working day. `make help` lists them; what they do is in scripts/ where it takes more than a line.

.DEFAULT_GOAL := help
.PHONY: help run test sim soak fuzz bench tools build web fmt lint doc clean-run

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build and start the complete product with the samples, attack it and show the alarm (PORT=8080)
	@scripts/run.sh

test: tools ## All checks and all tests: format, licences, lints, documentation, unit, property and integration tests
	@scripts/test.sh

sim: SEEDS ?= 0..20000
sim: ## Simulated lives of the pipeline, from many seeds or from one that failed (SEEDS=0..100000, SEEDS=4711)
	SIM_SEEDS=$(SEEDS) cargo test --package dsiem-tests --test simulation -- any_seed --nocapture

soak: ROUNDS ?= 200
soak: SOAK ?= killed
soak: tools ## Kill the programs under load, 200 times each, and show what was lost; a quarter of an hour (ROUNDS=1000, SOAK= for all faults)
	cargo build --workspace --bins
	DSIEM_FAULT_ROUNDS=$(ROUNDS) cargo test --package dsiem-tests --test faults -- --nocapture $(SOAK)

bench: tools ## What an event costs in the whole pipeline, beside the floor; about five minutes (BENCH="--seconds 20 --only frontend", BENCH=--durable, BENCH=--all)
	cargo build --release --workspace --bins
	cargo bench --package dsiem-tests --bench pipeline -- $(BENCH)

tools: ## Check what building and testing need, and install what is missing (nats-server, cargo-deny)
	@scripts/tools.sh

fuzz: ## Look for bytes that something cannot take (SECONDS_EACH=60, TARGET=event)
	@scripts/fuzz.sh

build: web ## Build the three programs for use, with the page in them, into target/release
	cargo build --release --workspace --bins

web: ## Build the page into web/dist, from where it is taken into the programs, if it has changed
	@scripts/web.sh

fmt: ## Format all Rust code
	cargo fmt --all

lint: ## Lints, with warnings as errors
	cargo clippy --workspace --all-targets -- -D warnings

doc: ## Build the documentation of the code into target/doc
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

clean-run: ## Forget what `make run` has made: its configuration, logs and saved state
	rm -rf .run
