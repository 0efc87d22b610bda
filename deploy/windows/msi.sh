#!/usr/bin/env bash
# Packs carillon.exe, and carillonw.exe beside it, into a signed MSI. Any warning of a tool is an error: wixl drops what it does not know and goes on.
#
#   deploy/windows/msi.sh VERSION CERTIFICATE.pem KEY.pem OUT.msi [CARILLON.exe]
#
# The key may be encrypted; osslsigncode then takes its password from the file that CARILLON_KEY_PASSWORD_FILE names.
# CARILLON_TIMESTAMP_URL: an RFC 3161 server, so that signatures outlive the certificate.
set -euo pipefail
[ $# -ge 4 ] || { sed -n 's/^#   /  /p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=$1 certificate=$(realpath "$2") key=$(realpath "$3") out=$(realpath -m "$4")
programs=$(realpath -m "${CARILLON_WINDOWS_DIR:-$root/target/windows}")
exe=$(realpath "${5:-$programs/carillon.exe}")
[[ $version =~ ^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,5}$ ]] || {
    echo "msi.sh: ${version@Q} is no version for Windows: three numbers, at most 255.255.65535" >&2; exit 2; }
build=$(mktemp -d -t carillon-msi-XXXXXX)
trap 'rm -rf "$build"' EXIT

sign() {
    local from=$1 to=$2; shift 2
    local options=(-h sha256 -n Carillon -certs "$certificate" -key "$key")
    [ -n "${CARILLON_KEY_PASSWORD_FILE-}" ] && options+=(-readpass "$CARILLON_KEY_PASSWORD_FILE")
    [ -n "${CARILLON_TIMESTAMP_URL-}" ] && options+=(-ts "$CARILLON_TIMESTAMP_URL")
    osslsigncode sign "${options[@]}" "$@" -in "$from" -out "$to" >"$build/sign.log" 2>&1 || {
        cat "$build/sign.log" >&2; return 1; }
}

cp "$here/carillon.wxs" "$here/carillon.ico" "$build/"
x86_64-w64-mingw32-gcc -O2 -Wall -Wextra -Werror -s -shared -static-libgcc -Wl,--no-insert-timestamp \
    -o "$build/unsigned.dll" "$here/ticket.c" -lmsi -lshell32
sign "$exe" "$build/carillon.exe"
sign "$programs/carillonw.exe" "$build/carillonw.exe"
sign "$build/unsigned.dll" "$build/ticket.dll"

(cd "$build" && wixl -a x64 -D "Version=$version" -o carillon.msi carillon.wxs) >"$build/wixl.log" 2>&1 || {
    cat "$build/wixl.log" >&2; exit 1; }
if [ -s "$build/wixl.log" ]; then
    echo "msi.sh: wixl warns, so it left something out:" >&2
    cat "$build/wixl.log" >&2
    exit 1
fi

# What wixl cannot say.
public='TICKET;AGENTCONFIG;INSTALLDIR;URLHANDLERS;AUTOSTART;KEEPIDENTITY'
patches=(
    "UPDATE Property SET Value = '$public;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' WHERE Property = 'SecureCustomProperties'"
    # The old version goes within the transaction, so that a new one that fails brings it back.
    "UPDATE InstallExecuteSequence SET Sequence = 1510 WHERE Action = 'RemoveExistingProducts'"
    "UPDATE Component SET Condition = 'URLHANDLERS = \"1\"' WHERE Component = 'Links'"
    "UPDATE Component SET Condition = 'AUTOSTART = \"1\"' WHERE Component = 'AtLogOn'"
    # Deferred, as the system, its target in no log; at a rollback only.
    "UPDATE CustomAction SET Type = 11265 WHERE Action = 'KeepTicket'"
    "UPDATE CustomAction SET Type = 3393 WHERE Action = 'DropTicket'"
    # Programs out of the package itself, at once.
    "UPDATE CustomAction SET Type = 2 WHERE Action = 'Check'"
    "UPDATE CustomAction SET Type = 2 WHERE Action = 'CheckUpgrade'"
    "UPDATE CustomAction SET Type = 2 WHERE Action = 'CheckConfig'"
    # The same, deferred, as the system; without it the installation still comes to its end.
    "UPDATE CustomAction SET Type = 3138 WHERE Action = 'MakeWay'"
    # Again after one second, after ten, after a minute from then on, also when it ended with an error of its own.
    'CREATE TABLE MsiServiceConfigFailureActions (MsiServiceConfigFailureActions CHAR(72) NOT NULL, Name CHAR(255) NOT NULL, Event SHORT NOT NULL, ResetPeriod LONG, RebootMessage CHAR(255), Command CHAR(255), Actions CHAR(255), DelayActions CHAR(255), Component_ CHAR(72) NOT NULL PRIMARY KEY MsiServiceConfigFailureActions)'
    "INSERT INTO MsiServiceConfigFailureActions (MsiServiceConfigFailureActions, Name, Event, ResetPeriod, Actions, DelayActions, Component_) VALUES ('Restart', 'Carillon', 1, 86400, '1[~]1[~]1', '1000[~]10000[~]60000', 'Program')"
    'CREATE TABLE MsiServiceConfig (MsiServiceConfig CHAR(72) NOT NULL, Name CHAR(255) NOT NULL, Event SHORT NOT NULL, ConfigType LONG NOT NULL, Argument CHAR(255), Component_ CHAR(72) NOT NULL PRIMARY KEY MsiServiceConfig)'
    "INSERT INTO MsiServiceConfig (MsiServiceConfig, Name, Event, ConfigType, Argument, Component_) VALUES ('RestartOnError', 'Carillon', 1, 4, '1', 'Program')"
    "INSERT INTO InstallExecuteSequence (Action, Sequence) VALUES ('MsiConfigureServices', 5850)"
)
for patch in "${patches[@]}"; do
    msibuild "$build/carillon.msi" -q "$patch" >"$build/patch.log" 2>&1 || {
        echo "msi.sh: $patch" >&2; cat "$build/patch.log" >&2; exit 1; }
    [ -s "$build/patch.log" ] && { echo "msi.sh: $patch" >&2; cat "$build/patch.log" >&2; exit 1; }
done
# An update that found no row would say nothing.
table() { msiinfo export "$build/carillon.msi" "$1"; }
expect() { table "$1" | tr '\t' '|' | grep -qF -- "$2" || { echo "msi.sh: $1 lacks ${2@Q}" >&2; exit 1; }; }
expect Property "SecureCustomProperties|$public"
expect InstallExecuteSequence 'RemoveExistingProducts||1510'
expect InstallExecuteSequence 'MsiConfigureServices||5850'
expect Component 'URLHANDLERS = "1"'
expect Component 'AUTOSTART = "1"'
expect CustomAction 'KeepTicket|11265'
expect CustomAction 'DropTicket|3393'
expect CustomAction 'Check|2|new.exe|service check'
expect CustomAction 'CheckUpgrade|2|new.exe|service check --upgrade'
expect CustomAction 'CheckConfig|2|new.exe|service check --config "[AGENTCONFIG]"'
expect CustomAction 'MakeWay|3138|new.exe|service make-way "[INSTALLDIR]carillon.exe"'
expect MsiServiceConfigFailureActions 'Restart|Carillon|1|86400|'
expect MsiServiceConfig 'RestartOnError|Carillon|1|4|1|Program'

sign "$build/carillon.msi" "$build/signed.msi" -add-msi-dse
mkdir -p "$(dirname "$out")"
mv "$build/signed.msi" "$out"
echo "$out: Carillon $version, $(stat -c %s "$out") bytes"
