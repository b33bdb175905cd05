#!/usr/bin/env bash
# Runs the fuzzing targets one after the other, each for SECONDS_EACH seconds, beginning with the corpus that is kept.
# TARGET=event runs one. Inputs that cover something new go into target/fuzz/corpus, so that the next run goes on there; an
# input that fails goes into target/fuzz/found. The corpus that is kept stays as small as it is. With BUILD_WITHIN=60, it does
# nothing if building takes more than so many seconds; what was built by then is not lost.
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

seconds_each=${SECONDS_EACH:-60}
# Longer inputs are slower, and find little that shorter ones do not.
max_bytes=16384

# Instruments all code as cargo-fuzz does, without a sanitizer: there is no unsafe code of ours that one could watch, and
# so any toolchain will do.
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"

fuzz=${CARGO_TARGET_DIR:-target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
programs=$fuzz/$host/release

build() {
    local code=0
    # With a target, the flags are not for build scripts and macros, which could not be linked with them.
    RUSTFLAGS="$flags" timeout "${BUILD_WITHIN:-0}" cargo build --release --bins --manifest-path fuzz/Cargo.toml \
        --target "$host" --target-dir "$fuzz" || code=$?
    if [ "$code" -eq 124 ]; then
        say "the fuzzing targets are not built after $BUILD_WITHIN s (make fuzz builds them): skipped"
        exit 0
    fi
    return "$code"
}

targets() {
    local file
    for file in fuzz/fuzz_targets/*.rs; do basename "$file" .rs; done
}

# run TARGET: the last line of what it says is how many inputs were tried.
run() {
    local target=$1 log=$fuzz/$1.log
    mkdir -p "$fuzz/corpus/$target" "$fuzz/found"
    if ! "$programs/$target" -max_total_time="$seconds_each" -max_len="$max_bytes" -timeout=10 -rss_limit_mb=1024 \
        -dict=fuzz/words.dict \
        -artifact_prefix="$fuzz/found/$target-" -print_final_stats=1 \
        "$fuzz/corpus/$target" "fuzz/corpus/$target" >"$log" 2>&1; then
        grep -E -A 1 "panicked at|ERROR: libFuzzer" "$log" >&2 || tail -n 20 "$log" >&2
        say "$target: FAILED; see $log, and $fuzz/found for the input: $programs/$target $fuzz/found/$target-..."
        return 1
    fi
    say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs tried, nothing found"
}

need_build_tools
have c++ || install_packages "a C++ compiler" g++
build
failed=0
for target in ${TARGET:-$(targets)}; do
    run "$target" || failed=1
done
exit "$failed"
