#!/usr/bin/env bash
# The Windows programs: cross-built, packed into signed MSIs, and one of those installed,
# used, upgraded and removed under Wine (tests/tests/windows.rs). Real parts: Kamailio, carillon-server, Wine.
# Then the unit tests of the crates that the program is made of, under Wine too (tests/wine/units.sh).
#
#   tests/windows.sh            everything
#   CARILLON_BIN_DIR            where the Linux programs are [target/release]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
# shellcheck source=../deploy/demo/packages.sh
source deploy/demo/packages.sh
need_packages "${BUILD_PACKAGES[@]}" "${LAB_PACKAGES[@]}" "${WINDOWS_PACKAGES[@]}"
need_rust
work=${CARILLON_WINDOWS_DIR:-$root/target/windows}
export CARILLON_WINDOWS_PARTS=$work/parts
began=$SECONDS
lap() { printf '%5d s  %s\n' $((SECONDS - began)) "$1"; }

# The builds step back: sound is made here in the end.
nice -n 10 deploy/windows/build.sh sysroot
lap "the standard library for Windows"
nice -n 10 deploy/windows/build.sh programs
lap "carillon.exe, $(stat -c %s "$work/carillon.exe") bytes"

# A certificate for this run alone, and a program that says no to every desk.
rm -rf "$CARILLON_WINDOWS_PARTS"
mkdir -p "$CARILLON_WINDOWS_PARTS"
cd "$CARILLON_WINDOWS_PARTS"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj '/CN=Carillon test' \
    -addext extendedKeyUsage=codeSigning 2>/dev/null
x86_64-w64-mingw32-gcc -O2 -s -shared -static-libgcc -o bcryptprimitives.dll "$root/tests/wine/bcryptprimitives.c" -ladvapi32
echo 'int main(void) { return 7; }' | x86_64-w64-mingw32-gcc -O2 -s -x c - -o refuses.exe
"$root/deploy/windows/msi.sh" 1.0.0 certificate.pem key.pem one.msi
"$root/deploy/windows/msi.sh" 1.1.0 certificate.pem key.pem two.msi
"$root/deploy/windows/msi.sh" 1.2.0 certificate.pem key.pem bad.msi refuses.exe
osslsigncode verify -CAfile certificate.pem one.msi >verify.log 2>&1 || { cat verify.log >&2; exit 1; }
cp one.msi tampered.msi
printf 'x' | dd of=tampered.msi bs=1 seek=$(($(stat -c %s one.msi) / 2)) conv=notrunc status=none
if osslsigncode verify -CAfile certificate.pem tampered.msi >verify.log 2>&1; then
    echo "windows.sh: a tampered MSI passes for signed" >&2
    exit 1
fi
lap "three signed MSIs; a tampered one is found out"

cd "$root"
# With the features of the suites' build, so that nothing is compiled twice.
cargo test --quiet --workspace --all-features --test windows -- --nocapture
lap "installed, used, upgraded and removed under Wine"
tests/wine/units.sh "$CARILLON_WINDOWS_PARTS/bcryptprimitives.dll"
lap "unit tests under Wine"
