#!/usr/bin/env bash
# All checks and all tests, in the order in which they fail fastest. Ends at the first step that fails, with its name.
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

step() {
    local name=$1 began=$SECONDS
    shift
    say "== $name: ${*}"
    if ! "$@"; then
        die "== $name: FAILED after $((SECONDS - began)) s"
    fi
    say "== $name: passed in $((SECONDS - began)) s"
}

# A database that does not come within this time is as good as none.
advisories_within_secs=60

core_is_pure() {
    local tree
    # Without --all-features or targets of other systems: what a test of the core alone builds.
    tree=$(cargo tree --package dsiem-core --edges normal,dev --prefix none) || return 1
    if grep -E '^(tokio|async-std|hyper|reqwest) ' <<<"$tree"; then
        say "dsiem-core must build and be tested without the crates above"
        return 1
    fi
}

scripts_are_clean() {
    if have shellcheck; then
        shellcheck -x scripts/*.sh .ci/run
    else
        say "shellcheck is not installed: skipped"
    fi
}

# Their database is a repository elsewhere, which not every machine that builds can reach.
advisories() {
    if ! GIT_TERMINAL_PROMPT=0 timeout "$advisories_within_secs" cargo deny fetch db >/dev/null 2>&1; then
        say "the database of advisories cannot be reached: skipped"
        return
    fi
    cargo deny check --disable-fetch advisories
}

# What fuzzing has kept is replayed by the tests. Looking for more needs other builds of everything, which take minutes.
fuzz_shortly() {
    if [ -d "${CARGO_TARGET_DIR:-target}/fuzz/found" ]; then
        BUILD_WITHIN=60 SECONDS_EACH=2 scripts/fuzz.sh
    else
        say "the fuzzing targets are not built (make fuzz does that): skipped"
    fi
}

step "format" cargo fmt --all --check
step "scripts" scripts_are_clean
step "licences, bans and sources of dependencies" cargo deny --log-level error check licenses bans sources
step "advisories about dependencies" advisories
step "core without a runtime" core_is_pure
step "packages of the page" scripts/web.sh packages
step "the page: types, lints, format" npm --prefix web run --silent check
step "the page: logic" npm --prefix web test --silent
# It goes into the programs.
step "the page" scripts/web.sh
step "lints" cargo clippy --workspace --all-targets -- -D warnings
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
# Tests of the programs as a whole start these.
step "programs" cargo build --workspace --bins
step "tests" cargo test --workspace
step "the page in a browser" npm --prefix web run --silent e2e
# What may name too much but never too little is worth more chance than the rest.
step "index and routing, 10,000 cases" \
    env PROPTEST_CASES=10000 cargo test --package dsiem-core --test properties -- index routing
step "fuzzing, two seconds for each target" fuzz_shortly
say "== all passed in $SECONDS s"
