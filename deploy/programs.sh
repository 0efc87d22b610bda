#!/usr/bin/env bash
# Builds our programs for this machine as they are shipped and measured, side by side in target/release.
#
#   deploy/programs.sh [NAME…]      carillon carillon-server [both]; carillon-fleet, bench, tone-check
#
# The agent is built to be small, which links for minutes; the others to be there sooner (Cargo.toml).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
[ $# -gt 0 ] || set -- carillon carillon-server
for name in "$@"; do
    # One package at a time: features asked for by one must not grow the other.
    case $name in
    carillon) cargo build --quiet --release -p carillon-agent; continue ;;
    carillon-server) what=(-p carillon-server) ;;
    carillon-fleet) what=(-p carillon-tests --bin carillon-fleet) ;;
    bench | tone-check) what=(-p carillon-tests --no-default-features --bin "$name") ;;
    *) sed -n 's/^#   /  /p' "$0" >&2; exit 2 ;;
    esac
    cargo build --quiet --profile server "${what[@]}"
    mkdir -p "$target/release"
    cp --remove-destination "$target/server/$name" "$target/release/"
done
