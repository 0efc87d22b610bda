#!/usr/bin/env bash
# The unit tests of the crates that the Windows program is made of, cross-built and run under Wine.
#
#   tests/wine/units.sh BCRYPTPRIMITIVES.DLL      the library that this Wine lacks
#
# CARILLON_WINDOWS_DIR: as deploy/windows/build.sh has it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
missing=$(realpath "$1")
crates=(carillon-agent carillon-media carillon-pinned-tls carillon-schemas carillon-sip)

# What cannot be shown under Wine, and why.
skipped=(
)

# The dependencies are those of the program; our own crates are not optimised, since that takes longer than running them.
options=(--quiet --locked --profile windows --lib --no-run --message-format=json)
for crate in "${crates[@]}"; do
    options+=(--package "$crate" --config "profile.windows.package.$crate.opt-level=0")
done
built=$("$root/deploy/windows/build.sh" cargo test "${options[@]}")

export WINEPREFIX WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
WINEPREFIX=$(mktemp -d -t carillon-wine-XXXXXX)
unset DISPLAY
trap 'wineserver -k -w || true; rm -rf "$WINEPREFIX"' EXIT
wine wineboot -i
cp "$missing" "$WINEPREFIX/drive_c/windows/system32/"
skip=()
for name in "${skipped[@]}"; do skip+=(--skip "$name"); done
failed=0
while IFS=$'\t' read -r folder name executable; do
    echo "$name"
    (cd "$folder" && timeout 300 wine "$executable" --quiet "${skip[@]}") </dev/null || failed=1
done < <(jq -r 'select(.profile.test == true and .executable != null)
    | [(.manifest_path | rtrimstr("/Cargo.toml")), .target.name, .executable] | @tsv' <<<"$built")
exit $failed
