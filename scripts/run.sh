#!/usr/bin/env bash
# The complete product on this machine, with the samples: builds it, starts it, attacks it, shows the alarm, and goes on
# serving until Ctrl-C. PORT=9090 chooses the port; otherwise it is the first free one from 8080 on.
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

home=.run/home
log=.run/dsiem.log
host=127.0.0.1
first_port=8080
last_port=8099
ready_within_secs=60

# Whether somebody listens on the port.
is_taken() { (exec 3<>"/dev/tcp/$host/$1") 2>/dev/null; }

choose_port() {
    if [ -n "${PORT:-}" ]; then
        if is_taken "$PORT"; then die "port $PORT is taken; choose another: make run PORT=..."; fi
        port=$PORT
        return
    fi
    for ((port = first_port; port <= last_port; port++)); do
        if ! is_taken "$port"; then return; fi
        say "port $port is taken, trying the next one"
    done
    die "the ports $first_port to $last_port are taken; choose another: make run PORT=..."
}

build() {
    local program=${CARGO_TARGET_DIR:-target}/release/dsiem
    if [ -x "$program" ]; then
        say "building what has changed"
    else
        say "building: the first time, this takes some minutes"
    fi
    scripts/web.sh
    cargo build --release --package dsiem
    dsiem=$program
}

# Copies the samples; files that are there already are the user's own.
prepare_home() {
    mkdir -p "$home/configs" "$home/logs"
    local file target
    local kept=() copied=()
    for file in configs/*.json directives/directives_*.json; do
        target=$home/configs/${file##*/}
        if [ -e "$target" ]; then
            kept+=("${file##*/}")
        else
            cp "$file" "$target"
            copied+=("${file##*/}")
        fi
    done
    if [ "${#copied[@]}" -gt 0 ]; then say "copied into $home/configs: ${copied[*]}"; fi
    if [ "${#kept[@]}" -gt 0 ]; then say "kept as they are in $home/configs: ${kept[*]} (make clean-run begins anew)"; fi
}

is_ready() {
    local answer
    answer=$( (
        exec 3<>"/dev/tcp/$host/$port"
        printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
        head -n 1 <&3
    ) 2>/dev/null) || return 1
    [[ $answer == *" 200 "* ]]
}

start() {
    # Job control gives the server a process group of its own: Ctrl-C reaches this script alone, which stops it once.
    set -m
    "$dsiem" serve --home "$home" --address "$host" --port "$port" </dev/null >"$log" 2>&1 &
    server=$!
    set +m
    trap stop EXIT
    trap 'exit 0' INT TERM HUP
    local give_up=$((SECONDS + ready_within_secs))
    until is_ready; do
        if ! kill -0 "$server" 2>/dev/null; then
            cat "$log" >&2
            die "dsiem did not start; the reason is above"
        fi
        if [ "$SECONDS" -ge "$give_up" ]; then die "dsiem is not ready after $ready_within_secs s; see $log"; fi
        sleep 0.1
    done
}

stop() {
    trap - EXIT INT TERM HUP
    if kill -0 "$server" 2>/dev/null; then
        say
        say "stopping; open backlogs are saved in $home/logs/backlogs"
        kill -TERM "$server"
        wait "$server" || say "dsiem did not stop cleanly; see $log"
    fi
}

# The page, or while there is no user, the link that makes the first one.
page() {
    grep -o 'http://[^ ]*/ui/#/set-up?token=[A-Za-z0-9_-]*' "$log" | tail -n 1 | grep . || printf 'http://%s:%s/ui/' "$host" "$port"
}

say_what_next() {
    cat <<EOT

dsiem is running. Ctrl-C stops it.

  the page         $(page)
  events in        POST http://$host:$port/events
  configuration    http://$host:$port/config/   (files in $home/configs, read at start)
  state            http://$host:$port/readyz    http://$host:$port/metrics
  alarms           $home/logs/siem_alarms.json
  log              $log

Next, in another terminal:

  more attacks     $dsiem sample-attack --list
                   $dsiem sample-attack --to http://$host:$port --wait $home/logs/siem_alarms.json --case "IPv6"
  your network     edit $home/configs/assets_samples.json and start again
  your directives  docs/directives.md
EOT
}

need_build_tools
build
prepare_home
choose_port
start
say "dsiem is ready on http://$host:$port"
# What goes to this machine goes through no proxy.
NO_PROXY=$host no_proxy=$host "$dsiem" sample-attack --to "http://$host:$port" --wait "$home/logs/siem_alarms.json"
say_what_next
wait "$server" || die "dsiem ended by itself; see $log"
