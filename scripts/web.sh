#!/usr/bin/env bash
# Builds the page into web/dist, if anything that it is made of has changed since. The programs take it from there when they
# are compiled.
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

stamp=web/node_modules/.page-stamp

# What the page is made of, as one number.
made_of() {
    {
        node --version
        find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/test-results/*' \
            -not -name '*.tsbuildinfo' -print0 | sort --zero-terminated | xargs -0 sha256sum
    } | sha256sum
}

# The packages, as the lock file says; again only when it has changed.
packages() {
    local installed=web/node_modules/.stamp
    if [ -e "$installed" ] && cmp --silent web/package-lock.json "$installed"; then return; fi
    say "installing the packages of the page"
    (cd web && npm ci --silent --no-audit --no-fund)
    cp web/package-lock.json "$installed"
}

need_node
packages
if [ "${1:-}" = packages ]; then exit; fi
now=$(made_of)
if [ -e web/dist/index.html ] && [ -e "$stamp" ] && [ "$(<"$stamp")" = "$now" ]; then exit; fi
say "building the page"
(cd web && npm run --silent build)
printf '%s' "$now" >"$stamp"
