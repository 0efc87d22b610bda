#!/usr/bin/env bash
# Builds Carillon for Windows on Debian, with Debian's own Rust and mingw: nothing of it touches the toolchain
# or the packages that the Linux build uses. Everything lands below target/windows and is kept for the next run.
#
#   deploy/windows/build.sh sysroot         the standard library for Windows, once per version of Rust
#   deploy/windows/build.sh cargo ARGS…     any cargo command for Windows, as the programs are built
#   deploy/windows/build.sh programs        target/windows/carillon.exe and carillonw.exe
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${CARILLON_WINDOWS_DIR:-$root/target/windows}
triple=x86_64-pc-windows-gnu
sysroot=$work/sysroot

# Debian's Rust, whose standard library comes with its source; rustup's matches no source here.
export PATH=/usr/bin:$PATH
export CARGO_HOME=$work/cargo CARGO_TARGET_DIR=$work/target CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc
export CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc AR_x86_64_pc_windows_gnu=x86_64-w64-mingw32-ar
unset RUSTFLAGS RUSTUP_TOOLCHAIN RUSTC_WRAPPER

# The standard library, built from Debian's source and put where rustc looks for it.
build_sysroot() {
    local version crate
    version=$(rustc -vV)
    [ "$(cat "$sysroot/version" 2>/dev/null)" = "$version" ] && return 0
    echo "Building the standard library for $triple (about a minute, once)"
    rm -rf "$sysroot"
    crate=$work/std
    rm -rf "$crate"
    mkdir -p "$crate/src" "$sysroot/lib/rustlib/$triple/lib"
    printf '[package]\nname = "std-for-windows"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$crate/Cargo.toml"
    echo 'fn main() {}' >"$crate/src/main.rs"
    (cd "$crate" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$crate/target cargo build --quiet --release \
        -Zbuild-std=std,panic_unwind,panic_abort,test --target "$triple")
    cp "$crate/target/$triple/release/deps"/lib*.rlib "$sysroot/lib/rustlib/$triple/lib/"
    ln -s "$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu" "$sysroot/lib/rustlib/"
    rm -rf "$crate"
    printf '%s\n' "$version" >"$sysroot/version"
}

cargo_for_windows() {
    local verb=$1; shift
    build_sysroot
    # Of the crates of this repository alone: cargo caps the lints of all others.
    export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS="--sysroot=$sysroot -D warnings"
    (cd "$root" && cargo "$verb" --target "$triple" "$@")
}

workspace_version() { sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml"; }

# Icon, version and manifest, linked into the program.
build_resource() {
    mkdir -p "$work"
    x86_64-w64-mingw32-windres -I "$root/deploy/windows" -DVERSION_TEXT="\\\"$1\\\"" \
        -DVERSION_NUMBERS="${1//./,},0" "$root/deploy/windows/carillon.rc" "$work/resource.o"
}

# A library of the compiler's would be missing on every desk.
only_system_libraries() {
    local foreign
    foreign=$(x86_64-w64-mingw32-objdump -p "$1" | sed -n 's/^\tDLL Name: //p' | grep -iE '^lib.*\.dll$' || true)
    [ -z "$foreign" ] || { echo "build.sh: $1 wants $foreign, which Windows has not" >&2; return 1; }
}

case ${1:-} in
sysroot) build_sysroot ;;
cargo) shift; cargo_for_windows "$@" ;;
programs)
    build_resource "$(workspace_version)"
    cargo_for_windows rustc --quiet --locked --profile windows -p carillon-agent --bin carillon -- \
        -C link-arg="$work/resource.o"
    cp "$CARGO_TARGET_DIR/$triple/windows/carillon.exe" "$work/carillon.exe"
    x86_64-w64-mingw32-gcc -O2 -Wall -Wextra -Werror -s -static-libgcc -municode -mwindows -Wl,--no-insert-timestamp \
        -o "$work/carillonw.exe" "$root/deploy/windows/carillonw.c" "$work/resource.o"
    only_system_libraries "$work/carillon.exe"
    only_system_libraries "$work/carillonw.exe" ;;
*) sed -n 's/^#   /  /p' "$0" >&2; exit 2 ;;
esac
