#!/usr/bin/env bash
# The unit tests of the crates that know Windows, cross-built and run under Wine. The others of the program (carillon-sip,
# -schemas, -pinned-tls) have no line of their own for it, and what their tests need to be built takes minutes.
#
#   tests/wine/units.sh BCRYPTPRIMITIVES.DLL      the library that this Wine lacks
#
# CARILLON_WINDOWS_DIR: as deploy/windows/build.sh has it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
missing=$(realpath "$1")
crates=(carillon-agent carillon-media)

# What Wine 8 does otherwise than Windows, and how.
skipped=(
    # It takes a second first end of a pipe for a further end of the same.
    windows::pipe::tests::a_name_is_taken_once
    # It lets a program have an address that is not the machine's.
    engine::port::tests::a_foreign_address_is_named
)

# The dependencies are those of the program; our own crates are not optimised, since that takes longer than running them.
options=(--quiet --locked --profile windows --lib --no-run --message-format=json)
for crate in "${crates[@]}"; do
    options+=(--package "$crate" --config "profile.windows.package.$crate.opt-level=0")
done
built=$(nice -n 10 "$root/deploy/windows/build.sh" cargo test "${options[@]}")

export WINEPREFIX WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
WINEPREFIX=$(mktemp -d -t carillon-wine-XXXXXX)
unset DISPLAY
trap 'wineserver -k -w || true; rm -rf "$WINEPREFIX"' EXIT
wine wineboot -i >"$WINEPREFIX/boot.log" 2>&1 || { cat "$WINEPREFIX/boot.log" >&2; exit 1; }
cp "$missing" "$WINEPREFIX/drive_c/windows/system32/"
skip=()
for name in "${skipped[@]}"; do skip+=(--skip "$name"); done
failed=0
while IFS=$'\t' read -r folder name executable; do
    echo "$name"
    (cd "$folder" && timeout 300 wine "$executable" --quiet --color never "${skip[@]}") </dev/null 2> >(grep -v 'ALSA lib' >&2) || failed=1
done < <(jq -r 'select(.profile.test == true and .executable != null)
    | [(.manifest_path | rtrimstr("/Cargo.toml")), .target.name, .executable] | @tsv' <<<"$built")
exit $failed
