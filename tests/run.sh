#!/usr/bin/env bash
# Installs what is needed and runs everything: unit tests of all crates, the end-to-end suites on
# real Kamailio, SIPp and baresip, the MSI under Wine, the fleet simulator, the benchmark in its short form, the demo.
#
#   tests/run.sh                everything
#   tests/run.sh NAME…          only these: units, fuzz, lab, e2e, fleet, bench, demo, windows, debian
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
# shellcheck source=../deploy/demo/packages.sh
source deploy/demo/packages.sh
target=${CARGO_TARGET_DIR:-$root/target}
wanted=" ${*:-units windows fuzz lab e2e fleet bench demo debian} "
for name in $wanted; do
    case $name in units | fuzz | lab | e2e | fleet | bench | demo | windows | debian) ;;
    *) echo "run.sh: ${name@Q} is none of: units fuzz lab e2e fleet bench demo windows debian" >&2; exit 2 ;; esac
done
packages=("${BUILD_PACKAGES[@]}" "${LAB_PACKAGES[@]}")
[[ $wanted == *" windows "* ]] && packages+=("${WINDOWS_PACKAGES[@]}")
[[ $wanted == *" debian "* ]] && packages+=("${DEBIAN_PACKAGES[@]}")
need_packages "${packages[@]}" || exit 1
# Fetches axe-core; often there already, and not as Debian's package, which is large.
command -v npm >/dev/null || need_packages npm || exit 1
need_rust || exit 1
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0} RUST_BACKTRACE=${RUST_BACKTRACE:-0}

passed=0 failed=0 failures=() durations=()
logs=$(mktemp -d) || exit 1
log=$logs/suite
trap 'rm -rf "$logs"' EXIT

# tally NAME KIND CODE SECONDS LOG : KIND 'harness' is counted by the tests in the log, of which a run that ends badly without
# one that failed (a build error, an abort) counts as one failure; KIND 'one' as one test.
tally() {
    local name=$1 kind=$2 code=$3 took=$4 log=$5 ok=0 bad=0
    if [ "$kind" = harness ]; then
        ok=$(awk '/^test result:/ { sum += $4 } END { print sum + 0 }' "$log")
        bad=$(awk '/^test result:/ { sum += $6 } END { print sum + 0 }' "$log")
    elif [ "$code" -eq 0 ]; then
        ok=1
    fi
    [ "$code" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    passed=$((passed + ok)) failed=$((failed + bad))
    [ "$bad" -ne 0 ] && failures+=("$name")
    durations+=("$(printf '%5d s  %s' "$took" "$name")")
}

# suite NAME KIND COMMAND… : now.
suite() {
    local name=$1 kind=$2 began=$SECONDS code; shift 2
    echo "## $name"
    "$@" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    tally "$name" "$kind" "$code" $((SECONDS - began)) "$log"
    return "$code"
}

# behind NAME KIND COMMAND… : beside what follows, until `join`.
behind=()
behind() {
    local name=$1 kind=$2; shift 2
    behind+=("$name" "$kind")
    (
        began=$SECONDS
        "$@" >"$logs/$name" 2>&1
        echo "$? $((SECONDS - began))" >"$logs/$name.end"
    ) &
}
join() {
    local name kind code took
    wait
    set -- "${behind[@]}"
    behind=()
    while [ $# -gt 0 ]; do
        name=$1 kind=$2; shift 2
        read -r code took <"$logs/$name.end" || code=1 took=0
        echo "## $name"
        cat "$logs/$name"
        tally "$name" "$kind" "$code" "$took" "$logs/$name"
    done
}
wants() { [[ $wanted == *" $1 "* ]]; }

echo "Real parts:"
"${root}/tests/parts.sh"

# One build of all tests, with one choice of features: what clippy checked and what follows share it.
suite "build of all tests" one cargo test --quiet --workspace --all-features --no-run || { echo "total: 0 passed, 1 failed"; exit 1; }
binaries=$(cargo test --quiet --workspace --all-features --no-run --message-format=json 2>/dev/null |
    jq -r 'select(.profile.test == true and .executable != null)
           | [(.manifest_path | rtrimstr("/Cargo.toml")), .target.name, .target.kind[0], .executable] | @tsv')

# Runs test binaries where cargo would: those of carillon-tests by name, or all but those.
run_binaries() {
    local folder name kind executable chosen
    while IFS=$'\t' read -r folder name kind executable; do
        chosen=no
        if [ "$folder" = "$root/tests" ] && [ "$kind" = test ]; then
            [[ " $* " == *" $name "* ]] && chosen=yes
        elif [ "$1" = all-units ]; then
            chosen=yes
        fi
        [ $chosen = yes ] || continue
        suite "$(basename "$folder"): $name" harness in_folder "$folder" "$executable" "${harness_args[@]}"
    done <<<"$binaries"
}
in_folder() { (cd "$1" && shift && "$@"); }
harness_args=(--quiet)

if wants units; then
    run_binaries all-units house docs
    suite "examples in the documentation" harness cargo test --quiet --workspace --all-features --doc
fi
# What builds or boots, and is not judged by time, goes side by side: the agent's release build links for minutes on one core.
# Builds into different folders do not wait for each other.
wants_programs() { wants e2e || wants fleet || wants bench || wants demo || wants debian; }
agent_program() {
    nice -n 10 deploy/programs.sh carillon || return
    # What the benchmark would build else.
    ! wants bench || nice -n 10 cargo build --quiet --release -p carillon-sip --examples
}
if wants_programs; then
    behind "release build: agent" one agent_program
    behind "release build: server and instruments" one nice -n 10 deploy/programs.sh carillon-server carillon-fleet bench tone-check
fi
# Not optimised, which would take ten minutes of both cores: `tests/windows.sh` by itself tries what is shipped.
export CARGO_PROFILE_WINDOWS_OPT_LEVEL=${CARGO_PROFILE_WINDOWS_OPT_LEVEL:-0}
if wants windows; then
    behind "build for Windows" one nice -n 10 deploy/windows/build.sh programs
fi
if wants debian; then
    rm -rf "$target/debian"
    behind "a fresh Debian" one tests/debian.sh --base "$target/debian"
fi
if wants fuzz; then
    suite "fuzz targets, 20 s each" one tests/fuzz.sh 20
fi
join
if wants windows; then
    # Alone, since sound is judged. The programs of the build of all tests do for the Linux side of it.
    suite "windows" harness env CARILLON_BIN_DIR="$target/debug" tests/windows.sh
fi
wants_programs && export CARILLON_BIN_DIR=$target/release
if wants lab; then
    run_binaries lab
fi
if wants e2e; then
    # The build of all tests, with every feature, has made that one too.
    export CARILLON_INJECTION_BIN_DIR=$target/debug
    end_to_end=()
    for file in tests/tests/*.rs tests/tests/*/main.rs; do
        name=${file#tests/tests/}; name=${name%/main.rs}; name=${name%.rs}
        case $name in lab | house | docs | fleet | windows) ;; *) end_to_end+=("$name") ;; esac
    done
    # One test at a time: sound is judged here, and two calls would share the same two cores with a browser.
    harness_args=(--quiet --test-threads=1)
    run_binaries "${end_to_end[@]}"
fi
if wants fleet; then
    harness_args=(--quiet --nocapture)
    run_binaries fleet
fi
if wants bench; then
    suite "benchmark, short" one tests/bench/run.sh --short
fi
if wants demo; then
    suite "demo" one deploy/demo.sh --once
fi
if wants debian; then
    CARILLON_DEBIAN_BASE=$target/debian suite "Debian packages" one tests/debian.sh
fi

echo
echo "Durations:"
printf '%s\n' "${durations[@]}"
[ ${#failures[@]} -gt 0 ] && printf 'Failed: %s\n' "${failures[@]}"
echo "total: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
