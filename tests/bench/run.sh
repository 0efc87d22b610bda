#!/usr/bin/env bash
# One desk and baresip side by side, in one run on this machine; see tests/src/bin/bench.rs.
#
#   tests/bench/run.sh            a table
#   tests/bench/run.sh --json     one object a row: name, ours, peer, ratio, unit, goal, met
#   tests/bench/run.sh --short    fewer starts and a shorter idle span
#
# CARILLON_BIN_DIR: use the programs in that folder and build nothing.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=../../deploy/demo/packages.sh
source "$root/deploy/demo/packages.sh"
need_packages "${LAB_PACKAGES[@]}" >&2
if [ -z "${CARILLON_BIN_DIR-}" ]; then
    need_packages "${BUILD_PACKAGES[@]}" >&2
    need_rust
    "$root/deploy/programs.sh" carillon carillon-server bench tone-check
    export CARILLON_BIN_DIR=${CARGO_TARGET_DIR:-$root/target}/release
fi
# The phone that answers SIPp's calls, and the reading of messages, are examples of the crate itself.
(cd "$root" && cargo build --quiet --release -p carillon-sip --examples)
"$CARILLON_BIN_DIR/bench" "$@"
# Reading messages is measured beside other parsers, in a program of the crate itself.
case " $* " in *" --peer-only "*) exit 0 ;; esac
(cd "$root" && cargo run --quiet --release -p carillon-sip --example parse_speed -- "$@")
