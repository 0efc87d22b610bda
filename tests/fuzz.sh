#!/usr/bin/env bash
# Runs the fuzz targets of agent/sip/fuzz, as many at a time as there are cores, each for a while. Any finding is a failure.
#
#   tests/fuzz.sh [SECONDS [TARGET…]]     20 s each target; all of them
#
# A stable compiler does: the coverage that libFuzzer steers by is asked of it flag by flag, and the crate has no unsafe code
# for an address sanitizer to watch. What is found stays in agent/sip/fuzz/artifacts; `BINARY FILE` runs it again.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
seconds=${1:-20}
[ $# -gt 0 ] && shift
crate=$root/agent/sip/fuzz
target=${CARGO_TARGET_DIR:-$root/target}/fuzz
all=$(sed -n 's/^path = "targets\/\(.*\)\.rs"$/\1/p' "$crate/Cargo.toml")
command -v c++ >/dev/null || { echo "fuzz.sh: libFuzzer is built with a C++ compiler, and there is none (Debian: g++)" >&2; exit 1; }

host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --quiet --release --manifest-path "$crate/Cargo.toml" --target-dir "$target" --target "$host"

# run NAME : one target, for its time.
run() {
    local name=$1 corpus=$target/corpus/$1 seeds=()
    mkdir -p "$corpus" "$crate/artifacts/$name"
    [ -d "$crate/corpus/$name" ] && seeds+=("$crate/corpus/$name")
    case $name in message | framing) seeds+=("$root"/agent/sip/tests/corpus "$root"/agent/sip/tests/data/*) ;; esac
    # libFuzzer says little of a run that ends well: how many inputs it tried and what it covers.
    if "$target/$host/release/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="$crate/artifacts/$name/" "$corpus" "${seeds[@]}" >"$target/$name.log" 2>&1; then
        echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$target/$name.log") runs in $seconds s, no finding"
    else
        echo "fuzz $name: a finding; the end of $target/$name.log:"
        tail -40 "$target/$name.log"
        return 1
    fi
}

# As many at a time as there are cores.
failed=0
for name in ${*:-$all}; do
    while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do
        wait -n || failed=$((failed + 1))
    done
    run "$name" &
done
while [ -n "$(jobs -p)" ]; do
    wait -n || failed=$((failed + 1))
done
echo "fuzz targets with findings: $failed"
[ "$failed" -eq 0 ]
