#!/usr/bin/env bash
# Checks what building and testing need, and installs what is missing where this user may.
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

# component PROGRAM NAME: a part of the Rust toolchain.
component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    have rustup || die "cargo $1 is missing. Install the package of your system that has it (on Debian: $2)."
    say "adding $2 to the Rust toolchain"
    rustup component add "$2"
}

need_build_tools
component fmt rustfmt
component clippy clippy
# The tests talk to a real NATS server.
have nats-server || install_packages nats-server nats-server

say "$(cargo --version)"
say "$(nats-server --version)"
