# shellcheck shell=bash
# What the scripts share: how they speak, where they stand, and what they need from this machine.
# Sourced, not run.

set -euo pipefail

# Every script works from the top of the repository, wherever it was called from.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debian puts servers where the PATH of an ordinary user does not look, rustup puts cargo where a bare shell does not.
export PATH="$PATH:$HOME/.cargo/bin:/usr/local/sbin:/usr/sbin:/sbin"

# Programs that scripts/tools.sh installs for this repository alone.
tools=$(realpath -m "${CARGO_TARGET_DIR:-target}/tools")
export PATH="$PATH:$tools/bin"

say() { printf '%s\n' "$*"; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Whether this user can install packages without being asked anything.
can_install() {
    have apt-get && { [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
}

# install_packages WHY PACKAGE...: installs with apt-get as root or with sudo, or says what to install by hand.
install_packages() {
    local why=$1
    shift
    if ! can_install; then
        die "$why is missing. Install the package $* (on Debian and Ubuntu: sudo apt-get install $*) and try again."
    fi
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    say "installing $* ($why is missing)"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# Rust and a C compiler: what any build needs.
need_build_tools() {
    have cargo || die "cargo is missing. Install Rust as described at https://rustup.rs and try again."
    # The TLS library and zstd have parts in C.
    have cc || install_packages "a C compiler" gcc libc6-dev
}

# The oldest Node that builds the page.
oldest_node=20.19

# Node and npm: what building the page needs. Which release a system has differs too much to install one from here.
need_node() {
    local say_how="Install Node $oldest_node or newer as described at https://nodejs.org and try again."
    if ! have node || ! have npm; then die "node or npm is missing. $say_how"; fi
    local version
    version=$(node --version)
    printf '%s\n%s\n' "$oldest_node" "${version#v}" | sort --version-sort --check=quiet ||
        die "node $version is too old to build the page. $say_how"
}
