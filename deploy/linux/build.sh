#!/usr/bin/env bash
# Builds the Debian packages of agent and server, by debhelper, into a folder.
#
#   deploy/linux/build.sh OUT [VERSION]
#
# VERSION overrides the one of Cargo.toml, for an upgrade to try.
# CARILLON_BIN_DIR: pack the programs in that folder and build none. PACK: how dpkg-deb packs (-Zxz).
set -Eeuo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# -ge 1 ] || { echo "build.sh: name the folder for the packages" >&2; exit 2; }
out=$(mkdir -p "$1" && cd "$1" && pwd)
cargo_version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
version=${2:-$cargo_version}
# shellcheck source=../demo/packages.sh
source "$here/../demo/packages.sh"
need_packages "${BUILD_PACKAGES[@]}" debhelper
need_rust

cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
if [ -n "${CARILLON_BIN_DIR-}" ]; then
    bin=$CARILLON_BIN_DIR
else
    deploy/programs.sh carillon carillon-server
    bin=$target/release
fi
# With the features of the suites' build, so that nothing is compiled twice.
cargo build --quiet --workspace --all-features --example carillon-manual --example carillon-server-manual

work=$(mktemp -d -t carillon-deb-XXXXXX)
trap 'rm -rf "$work"' EXIT
source=$work/carillon
stage=$source/stage
mkdir -p "$stage/bin"
cp -r "$here"/{debian,desktop,libexec,README.md} "$source"
for name in carillon carillon-server; do
    [ -x "$bin/$name" ] || { echo "build.sh: $bin/$name is not there; unset CARILLON_BIN_DIR to have it built" >&2; exit 1; }
    cp "$bin/$name" "$stage/bin/"
    manual=$work/$name-manual
    "$target/debug/examples/$name-manual" "$manual"
    mkdir -p "$stage/man" "$stage/completions"/{bash,zsh,fish} "$stage/doc/$name"
    mv "$manual/man" "$stage/man/$name"
    mv "$manual/completions/$name.bash" "$stage/completions/bash/$name"
    mv "$manual/completions/_$name" "$stage/completions/zsh/"
    mv "$manual/completions/$name.fish" "$stage/completions/fish/"
    crate=$([ "$name" = carillon ] && echo carillon-agent || echo "$name")
    cargo tree --quiet --package "$crate" --edges normal --prefix none --format '{p}  {l}' |
        sed 's/ ([^)]*)//g' | grep -v '^carillon-' | sort -u >"$stage/doc/$name/third-party.txt"
done

# The changelog's newest entry says the version that is built.
newest=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$source/debian/changelog")
if [ "$version" != "$newest" ]; then
    [ $# -ge 2 ] || { echo "build.sh: debian/changelog is at $newest, Cargo.toml at $version: write the entry" >&2; exit 1; }
    { sed "1s/(.*)/($version)/" "$source/debian/changelog"; echo; cat "$source/debian/changelog"; } >"$work/changelog"
    mv "$work/changelog" "$source/debian/changelog"
fi
log=$work/build.log
# The release profile strips; there are no symbols for a package of their own.
if ! (cd "$source" && DEB_BUILD_OPTIONS="noautodbgsym ${DEB_BUILD_OPTIONS-}" dpkg-buildpackage --build=binary --no-sign --no-check-builddeps) >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    exit 1
fi
cp "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out/"
(cd "$out" && ls -- *_"$version"_*.deb)
