#!/usr/bin/env bash
# From an empty machine to two desks talking, on real parts, everything on loopback.
#
#   deploy/demo.sh          runs until Ctrl-C, so that you can go on by hand
#   deploy/demo.sh --once   ends by itself; exit code 0 when all was shown
#
# Ports: CARILLON_DEMO_SIP_PORT (5070), CARILLON_DEMO_HTTPS_PORT (8443).
# CARILLON_BIN_DIR: use the programs in that folder and build nothing.
set -Eeuo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
sip_port=${CARILLON_DEMO_SIP_PORT:-5070}
https_port=${CARILLON_DEMO_HTTPS_PORT:-8443}
once=no
case "${1-}" in
    --once) once=yes ;;
    '') ;;
    *) echo "demo.sh: ${1@Q} is no switch of mine; the one I know is --once" >&2; exit 2 ;;
esac
# shellcheck source=demo/packages.sh
source "$here/demo/packages.sh"

began=${EPOCHREALTIME/[.,]/}
milliseconds() { echo $(( (${EPOCHREALTIME/[.,]/} - began) / 1000 )); }
say() { local now; now=$(milliseconds); printf '%4d.%03d s  %s\n' $((now / 1000)) $((now % 1000)) "$*"; }
fail() { echo "demo.sh: $*" >&2; exit 1; }

run_dir=
started=()
leave() {
    local code=$? at pid log
    trap - EXIT INT TERM HUP
    # The last started leaves first: a desk says goodbye to a registrar and a server that are still there.
    for ((at = ${#started[@]} - 1; at >= 0; at--)); do
        pid=${started[at]}
        kill -TERM "$pid" 2>/dev/null || continue
        for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
        kill -KILL "$pid" 2>/dev/null || true
    done
    if [ -n "$run_dir" ]; then
        if [ "$code" -ne 0 ] && [ "$code" -lt 128 ]; then
            for log in "$run_dir"/*.log; do
                [ -s "$log" ] && { echo "--- the end of $(basename "$log")"; tail -n 15 "$log"; } >&2
            done
        fi
        rm -rf "$run_dir"
    fi
    exit "$code"
}
trap leave EXIT
trap 'echo "demo.sh: line $LINENO: $BASH_COMMAND: failed" >&2' ERR
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start NAME PROGRAM ARGUMENT… : in the background, output in NAME.log; gone when this script is gone.
start() {
    local name=$1; shift
    setpriv --pdeathsig TERM -- "$@" >>"$run_dir/$name.log" 2>&1 </dev/null &
    started+=($!)
}

# until_true SECONDS WHAT COMMAND… : waits until the command succeeds.
until_true() {
    local limit=$(($(milliseconds) + $1 * 1000)) what=$2; shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(milliseconds)" -lt "$limit" ] || fail "waited in vain for $what"
        sleep 0.02
    done
}

# port_is_free PROTOCOL PORT : looks in /proc, so that no tool is needed; names the program that holds it.
port_is_free() {
    local line inode holder='another program'
    line=$(awk -v port="$(printf ':%04X' "$2")" -v proto="$1" \
        '$2 ~ port"$" && (proto == "udp" || $4 == "0A") { print $10; exit }' /proc/net/"$1" /proc/net/"$1"6 2>/dev/null)
    [ -z "$line" ] && return 0
    inode=$line
    for fd in /proc/[0-9]*/fd/*; do
        if [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ]; then
            holder="$(cat "${fd%/fd/*}/comm" 2>/dev/null) (process $(basename "${fd%/fd/*}"))"
            break
        fi
    done
    fail "$1 port $2 is taken by $holder; end it, or choose another with $3"
}

need_packages "${DEMO_PACKAGES[@]}"
if [ -n "${CARILLON_BIN_DIR-}" ]; then
    bin=$CARILLON_BIN_DIR
else
    need_packages "${BUILD_PACKAGES[@]}"
    need_rust
    say "building carillon and carillon-server (the first time takes some minutes)"
    "$root/deploy/programs.sh" carillon carillon-server tone-check
    bin=${CARGO_TARGET_DIR:-$root/target}/release
fi
for program in carillon carillon-server tone-check; do
    [ -x "$bin/$program" ] || fail "$bin/$program is not there; unset CARILLON_BIN_DIR to have it built"
done

port_is_free udp "$sip_port" CARILLON_DEMO_SIP_PORT
port_is_free tcp "$https_port" CARILLON_DEMO_HTTPS_PORT
run_dir=$(mktemp -d -t carillon-demo-XXXXXX)
secret() { od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }
password_a=$(secret) password_b=$(secret) password_b_new=$(secret)

fill() {
    sed -e "s|@SIP_PORT@|$sip_port|g" -e "s|@RUN_DIR@|$run_dir|g" -e "s|@MODULES@|$modules|g" \
        -e "s|@PASSWORD_A@|$password_a|g" -e "s|@PASSWORD_B@|$password_b|g" "$1"
}
modules=$(dirname "$(dpkg -L kamailio-sqlite-modules | grep '/db_sqlite\.so$')")
users() { sqlite3 -cmd '.timeout 5000' "$run_dir/users.db" "$1"; }
saved() { grep -c "lab: REGISTER saved user=$1 " "$run_dir/kamailio.log" || true; }
server() { "$bin/carillon-server" --data "$run_dir/server" "$@"; }
desk() { local at=$1; shift; "$bin/carillon" --state "$run_dir/desk-$at" "$@"; }
field() { desk "$1" status --json | jq -er "$2"; }
registered() { [ "$(field "$1" '.accounts[0].state')" = registered ]; }
in_call() { [ "$(field "$1" '.calls[0].state')" = "$2" ]; }

# --- Kamailio
fill "$here/demo/kamailio.cfg" >"$run_dir/kamailio.cfg"
sqlite3 "$run_dir/users.db" <"$here/demo/users.sql"
users "INSERT INTO subscriber VALUES ('1001', '127.0.0.1', '$password_a'), ('1002', '127.0.0.1', '$password_b')"
start kamailio kamailio -DD -E -m 32 -M 4 -f "$run_dir/kamailio.cfg" -Y "$run_dir"
until_true 10 "Kamailio" kamcmd -s "unix:$run_dir/ctl" core.uptime
say "Kamailio $(kamailio -v | sed -n '1s/^version: kamailio \([^ ]*\).*/\1/p') listens on udp 127.0.0.1:$sip_port"

# --- the provisioning server
server init --name "The demo" --root-keys "$run_dir/root-keys" >"$run_dir/init.txt"
start server "$bin/carillon-server" --data "$run_dir/server" serve --listen "127.0.0.1:$https_port"
until_true 15 "the provisioning server" server desk list
say "the provisioning server listens on https://127.0.0.1:$https_port, its data in SQLite"

# --- two desks
fill "$here/demo/fleet.yaml" >"$run_dir/fleet.yaml"
server apply -f "$run_dir/fleet.yaml" >"$run_dir/apply.txt"
say "the fleet is applied: desk-a with sip:1001@127.0.0.1, desk-b with sip:1002@127.0.0.1"
for at in a b; do
    ticket=$(server ticket new --desk "desk-$at")
    desk "$at" enrol "$ticket" >"$run_dir/enrol-$at.txt"
    say "desk-$at is enrolled with a ticket of ${#ticket} characters"
    start "desk-$at" "$bin/carillon" --state "$run_dir/desk-$at" run
done
for at in a b; do
    until_true 15 "the registration of desk-$at" registered "$at"
    say "desk-$at has pulled generation $(field "$at" .generation) and is registered at Kamailio"
done

# --- a call
desk a dial sip:1002@127.0.0.1 >/dev/null
until_true 10 "ringing at desk-b" in_call b ringing
say "desk-a dials sip:1002@127.0.0.1, desk-b rings"
desk b answer >/dev/null
until_true 10 "the call at desk-a" in_call a established
until_true 10 "the call at desk-b" in_call b established
say "desk-b has answered; desk-a speaks 440 Hz, desk-b records what it hears"
sleep 2

# --- a credential changes while the call stands
before=$(saved 1002)
call_before=$(field b '.calls[0].id')
applied_before=$(field b .generation)
users "UPDATE subscriber SET password = '$password_b_new' WHERE username = '1002'"
say "the password of 1002 is changed at Kamailio"
applied() { [ "$(field b .generation)" -gt "$applied_before" ]; }
published=$(milliseconds)
printf %s "$password_b_new" | server account password desk-b main --password-file - >"$run_dir/password.txt"
limit=$((published + 15000))
until applied; do [ "$(milliseconds)" -lt "$limit" ] || fail "waited in vain for the new generation at desk-b"; done
publish_ms=$(($(milliseconds) - published))
say "the same at the server: desk-b runs generation $(field b .generation)"
registered_anew() { [ "$(saved 1002)" -gt "$before" ]; }
until_true 15 "desk-b to register with the new password" registered_anew
until_true 15 "the registration of desk-b" registered b
say "desk-b has registered anew with the new password"
sleep 2
in_call a established || fail "desk-a lost the call"
in_call b established || fail "desk-b lost the call"
[ "$(field b '.calls[0].id')" = "$call_before" ] || fail "desk-b is in another call"
packets=$(field b '.calls[0].media.packets_received // empty' || echo some)
lost=$(field b '.calls[0].media.packets_lost // 0' || echo '?')
say "the call goes on: $packets RTP packets at desk-b so far, $lost lost"
desk a hangup >/dev/null
no_call() { [ "$(field "$1" '.calls | length')" = 0 ]; }
until_true 10 "the end of the call" no_call b
until_true 10 "the end of the call" no_call a
say "the call is over"
recording=$(ls -t "$run_dir"/heard-at-b*.wav 2>/dev/null | head -n 1)
[ -n "$recording" ] || fail "desk-b left no recording"
tone=$("$bin/tone-check" "$recording" 440 3) || fail "the tone at desk-b: ${tone:-none}"

portal_login=$(sed -n 's/^ *Sign in to the portal as/sign in as/p' "$run_dir/init.txt")
echo
echo "The portal:  https://127.0.0.1:$https_port   $portal_login"
echo "By hand:     $bin/carillon --state $run_dir/desk-a dial sip:1002@127.0.0.1"
echo "             $bin/carillon --state $run_dir/desk-b answer"
echo "             $bin/carillon --state $run_dir/desk-a status"
echo "             $bin/carillon-server --data $run_dir/server desk list"
echo
echo "heard at desk-b: $tone"
echo "credential changed in the call: desk-b registered anew, the call was not lost ($lost RTP packets lost)"
echo "publish to applied: $publish_ms ms (both command lines included)"
if [ "$once" = no ]; then
    echo
    echo "Everything runs on until Ctrl-C."
    for pid in "${started[@]}"; do
        while kill -0 "$pid" 2>/dev/null; do sleep 1 & wait $! || true; done
        fail "process $pid has ended by itself"
    done
fi
