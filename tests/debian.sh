#!/usr/bin/env bash
# The Debian packages on a fresh Debian: built, held against lintian, installed, run as their units say under a
# booted systemd (systemd-nspawn), enrolled by a preseeded ticket, registered at Kamailio, upgraded in a call,
# removed, purged.
#
#   tests/debian.sh             everything
#   tests/debian.sh --base DIR  only makes the fresh Debian, to be used later with CARILLON_DEBIAN_BASE=DIR
#
# CARILLON_BIN_DIR: the programs to pack; built when absent. As root: a system is booted in namespaces of its own,
# with nothing but loopback, so that no port of this machine is taken and none of its files is touched.
set -Eeuo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cd "$root"
# shellcheck source=../deploy/demo/packages.sh
source deploy/demo/packages.sh
# What systemd-analyze may say at most (0 is closed, 10 is open).
agent_bound=1.5 server_bound=1.5
architecture=$(dpkg --print-architecture)

began=${CARILLON_DEBIAN_BEGAN:-${EPOCHREALTIME/[.,]/}}
milliseconds() { echo $(( (${EPOCHREALTIME/[.,]/} - began) / 1000 )); }
say() { local now; now=$(milliseconds); printf '%4d.%01d s  %s\n' $((now / 1000)) $((now % 1000 / 100)) "$*"; }
fail() { echo "debian.sh: $*" >&2; exit 1; }

# A minimal Debian by apt: what debootstrap makes, in a third of its time. libasound2 is the one library of the agent
# that such a system lacks; the network that could fetch it is left behind.
make_base() {
    local mirror
    mirror=$(sed -n 's/^URIs: *\(http[^ ]*debian\)$/\1/p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
    mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/locale/*' \
        --include=systemd,systemd-sysv,dbus,libpam-systemd,libasound2 \
        bookworm "$1" "${mirror:-http://deb.debian.org/debian}"
}

[ "$(id -u)" -eq 0 ] || fail "only root may boot a system in namespaces: run it as root"
if [ "${1-}" = --base ]; then
    need_packages mmdebstrap
    make_base "$2"
    exit
fi

# --- Outside, with a network: the packages and the fresh Debian.
if [ -z "${CARILLON_DEBIAN_WORK-}" ]; then
    need_packages "${DEMO_PACKAGES[@]}" "${DEBIAN_PACKAGES[@]}"
    work=$(mktemp -d -t carillon-debian-XXXXXX)
    trap 'rm -rf "$work"' EXIT
    base=${CARILLON_DEBIAN_BASE:-$work/base}
    making=
    if [ ! -e "$base" ]; then
        make_base "$base" & making=$!
    fi
    export PACK='-Zgzip -z1'
    deploy/linux/build.sh "$work/debs" >/dev/null
    export CARILLON_BIN_DIR=${CARILLON_BIN_DIR:-${CARGO_TARGET_DIR:-$root/target}/release}
    deploy/linux/build.sh "$work/debs" 0.1.1 >/dev/null
    say "built: $(cd "$work/debs" && ls -- *.deb | tr '\n' ' ')"
    lintian --fail-on error,warning --tag-display-limit 0 --allow-root "$work"/debs/carillon_0.1.0_*.changes ||
        fail "lintian complains"
    say "lintian finds no error and no warning"
    [ -z "$making" ] || wait "$making" || fail "no fresh Debian"
    [ -x "$base/usr/bin/systemctl" ] || fail "$base is no Debian with systemd"
    say "a fresh Debian $(cat "$base/etc/debian_version") is there: $(chroot "$base" dpkg-query -f '.\n' -W | wc -l) packages"
    code=0
    CARILLON_DEBIAN_WORK=$work CARILLON_DEBIAN_BASE=$base CARILLON_DEBIAN_BEGAN=$began \
        unshare --net --mount --propagation private -- "$0" || code=$?
    exit $code
fi

# --- Inside: loopback, mounts of our own.
work=$CARILLON_DEBIAN_WORK debs=$work/debs machine=$work/machine
mkdir -p "$work"/{upper,overlay,machine,kamailio}
ip link set lo up
mount -t overlay overlay -o "lowerdir=$CARILLON_DEBIAN_BASE,upperdir=$work/upper,workdir=$work/overlay" "$machine"
mount -t tmpfs tmpfs /run
leader='' nspawn='' kamailio='' desk=''
groups=()
leave() {
    local code=$? pid group
    trap - EXIT
    [ "$code" -eq 0 ] || { [ -z "$leader" ] || inside journalctl --no-pager --unit='carillon*' --lines=40 || true; tail -n 20 "$work"/*.log; } >&2 2>/dev/null
    # Kamailio takes its children along when it is told; the first process takes the whole container.
    for pid in $desk $kamailio; do kill -TERM "$pid" 2>/dev/null || true; done
    [ -z "$leader" ] || kill -KILL "$leader" 2>/dev/null || true
    for pid in $desk $kamailio $nspawn; do wait "$pid" 2>/dev/null || true; done
    # What systemd made below our groups goes from the leaves up.
    for group in "${groups[@]}"; do
        echo $$ >"${group%/*}/cgroup.procs"
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
    exit "$code"
}
trap leave EXIT
trap 'echo "debian.sh: line $LINENO: $BASH_COMMAND: failed" >&2' ERR

# systemd manages a group of processes of its own, in whatever hierarchy this machine has.
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -e "$hierarchy/cgroup.procs" ] || continue
    groups+=("$hierarchy/carillon-debian-$$")
    mkdir "$hierarchy/carillon-debian-$$"
    echo $$ >"$hierarchy/carillon-debian-$$/cgroup.procs"
done

until_true() {
    local limit=$(($(milliseconds) + $1 * 1000)) what=$2; shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(milliseconds)" -lt "$limit" ] || fail "waited in vain for $what"
        sleep 0.05
    done
}
inside() {
    nsenter --target "$leader" --mount --uts --ipc --pid --cgroup --root \
        env -i --chdir=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}
first_process() {
    local pid
    for pid in $(pgrep --parent "$nspawn"); do
        [[ $(awk '/^NSpid:/ { print $NF }' "/proc/$pid/status") == 1 ]] && leader=$pid
    done
    [ -n "$leader" ]
}
booted() { [[ $(inside systemctl is-system-running) =~ running|degraded ]]; }
upgrades() { inside journalctl --no-pager --output=cat --unit=carillon-upgrade | grep -c '^Started'; }
property() { inside systemctl show --value --property="$2" "$1"; }
field() { inside carillon --json status | jq -er "$1"; }
registered() { [ "$(field '.accounts[0].state')" = registered ]; }
server() { inside carillon-server --data /var/lib/carillon-server "$@"; }
other() { "$CARILLON_BIN_DIR/carillon" --state "$work/desk" "$@"; }
other_in() { [ "$(other --json status | jq -r '.calls[0].state')" = "$1" ]; }
packed() { inside dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1"; }
install_deb() { inside dpkg --force-unsafe-io -i "/debs/$1_$2_$architecture.deb" >>"$work/dpkg.log" 2>&1; }
# Every file of the system but what its own life writes: path, mode, owner; and who is known.
everything() {
    inside find / -xdev \( -path /debs -o -path /tmp -o -path /var/tmp -o -path /var/log -o -path /var/cache -o -path /var/backups -o -path /root \
        -o -path /var/lib/dpkg -o -path /var/lib/systemd/catalog -o -path /var/lib/systemd/timers -o -name 'passwd-' \
        -o -name 'shadow-' -o -name 'group-' -o -name 'gshadow-' \) -prune -o -printf '%p %m %u:%g\n' | sort
    inside getent passwd
    inside getent group
}
# rate UNIT BOUND: systemd's own judgement of a unit's sandbox.
rate() {
    local said exposure
    said=$(inside systemd-analyze security --offline=yes --no-pager "/lib/systemd/system/$1" | tail -n 1)
    exposure=$(grep -o '[0-9]\.[0-9]' <<<"$said")
    awk -v is="$exposure" -v most="$2" 'BEGIN { exit !(is <= most) }' || fail "$1 is open to $exposure, above $2"
    say "systemd-analyze security $1: $exposure (bound $2)"
}
# boxed UNIT: what the kernel says of the running process, not the unit's file.
boxed() {
    local pid; pid=$(property "$1" MainPID)
    inside awk '$1 == "Uid:" && $2 == 0 || $1 == "CapBnd:" && $2 !~ /^0+$/ || $1 == "NoNewPrivs:" && $2 != 1 ||
        $1 == "Seccomp:" && $2 != 2 { print FILENAME ": " $0; bad = 1 } END { exit bad }' "/proc/$pid/status" ||
        fail "the process of $1 is not boxed in"
}

mkdir "$machine/debs" && cp "$debs"/*.deb "$machine/debs/"
systemd-nspawn --quiet --register=no --keep-unit --directory="$machine" --boot --console=pipe >"$work/nspawn.log" 2>&1 </dev/null &
nspawn=$!
until_true 20 "systemd-nspawn's first process" first_process
until_true 60 "the booted system" booted
say "systemd-nspawn has booted it: $(inside systemctl --version | head -n 1)"
everything >"$work/before.txt"

# --- Kamailio, outside the container, on the same loopback.
modules=$(dirname "$(dpkg -L kamailio-sqlite-modules | grep '/db_sqlite\.so$')")
sed -e "s|@SIP_PORT@|5070|g" -e "s|@RUN_DIR@|$work/kamailio|g" -e "s|@MODULES@|$modules|g" \
    deploy/demo/kamailio.cfg >"$work/kamailio/kamailio.cfg"
sqlite3 "$work/kamailio/users.db" <deploy/demo/users.sql
sqlite3 "$work/kamailio/users.db" "INSERT INTO subscriber VALUES ('1001', '127.0.0.1', 'one'), ('1002', '127.0.0.1', 'two')"
kamailio -DD -E -m 32 -M 4 -f "$work/kamailio/kamailio.cfg" -Y "$work/kamailio" >"$work/kamailio.log" 2>&1 & kamailio=$!
until_true 10 "Kamailio" kamcmd -s "unix:$work/kamailio/ctl" core.uptime

# --- The server's package.
install_deb carillon-server 0.1.0
[ "$(property carillon-server ConditionResult)" = no ] || fail "the server runs without a fleet"
server init --name Debian --listen 127.0.0.1:8443 >"$work/init.txt"
inside systemctl start carillon-server
until_true 15 "the server" server desk list
boxed carillon-server
rate carillon-server.service $server_bound
for at in 1:one 2:two; do
    cat <<END
  - name: desk-${at%:*}
    accounts:
      - {id: main, address: "sip:100${at%:*}@127.0.0.1", password: ${at#*:}, registrar: "127.0.0.1:5070", outbound_proxy: "127.0.0.1:5070"}
    media: {input: "tone:440", output: "null"}
END
done | sed '1i desks:' >"$machine/root/fleet.yaml"
server apply -f /root/fleet.yaml >/dev/null
inside systemctl restart carillon-server
until_true 15 "the server after a restart" server desk list
say "carillon-server.service runs, has founded a fleet of two desks, and has been restarted"

# --- The agent's package, with a ticket in a file.
mkdir -p "$machine/etc/carillon"
(umask 077 && server ticket new --desk desk-1 >"$machine/etc/carillon/ticket")
install_deb carillon 0.1.0
until_true 20 "the registration of the service" registered
kamcmd -s "unix:$work/kamailio/ctl" ul.dump | grep -q 'AoR: 1001$' || fail "Kamailio does not know 1001"
desk_id=$(field .link.desk)
say "carillon.service has enrolled by the preseeded ticket as $desk_id and is registered at Kamailio"
for file in /etc/carillon/ticket /var/lib/carillon/ticket; do
    [ ! -e "$machine$file" ] || fail "$file is still there"
done
boxed carillon
rate carillon.service $agent_bound
rate carillon-upgrade.service 6.5
said=$(inside sh -c 'systemd-analyze verify --man=no /lib/systemd/system/carillon*.service 2>&1
    XDG_RUNTIME_DIR=/run systemd-analyze verify --man=no --user /usr/lib/systemd/user/carillon*.service 2>&1') || fail "systemd-analyze verify: $said"
[ -z "$said" ] || fail "systemd-analyze verify: $said"
for name in carillon carillon-server; do
    for page in $(inside dpkg -L "$name" | grep '/man1/'); do [ -s "$machine$page" ] || fail "$page is empty"; done
    bash -n "$machine/usr/share/bash-completion/completions/$name"
done
say "systemd-analyze verify finds nothing"

# --- An upgrade in the middle of a call.
other enrol - <<<"$(server ticket new --desk desk-2)" >/dev/null
"$CARILLON_BIN_DIR/carillon" --state "$work/desk" run >"$work/desk.log" 2>&1 & desk=$!
until_true 15 "the registration of the other desk" eval '[ "$(other --json status | jq -r ".accounts[0].state")" = registered ]'
other dial sip:1001@127.0.0.1 >/dev/null
until_true 10 "ringing at the service" eval '[ "$(field ".calls[0].state")" = ringing ]'
inside carillon answer >/dev/null
until_true 10 "the call" other_in established
old=$(property carillon MainPID)
install_deb carillon 0.1.1
sleep 3
[ "$(property carillon MainPID)" = "$old" ] && other_in established || fail "the upgrade has cut the call"
other hangup >/dev/null
until_true 15 "the new version" eval '[ "$(property carillon MainPID)" != "$old" ]'
until_true 15 "the registration after the upgrade" registered
until_true 15 "the word to systemd that it is ready" eval '[ "$(property carillon ActiveState)" = active ]'
[ "$(field .link.desk)" = "$desk_id" ] || fail "the upgrade has lost the identity"
say "upgraded to $(packed carillon) in a call, which went on; then started anew as the same desk"
install_deb carillon-server 0.1.1
until_true 15 "the server after its upgrade" server desk list
server --json desk list | grep -q "$desk_id" || fail "the server's upgrade has lost the fleet"
say "upgraded the server to $(packed carillon-server); the fleet is there"

# --- Removed, installed again, purged.
inside dpkg -r carillon >>"$work/dpkg.log" 2>&1
[ "$(property carillon ActiveState)" = inactive ] || fail "removed, and it still runs"
[ -e "$machine/var/lib/carillon/identity.json" ] || fail "a removal has taken the identity"
install_deb carillon 0.1.1
until_true 20 "the registration after a new installation" registered
[ "$(field .link.desk)" = "$desk_id" ] || fail "installed again it is another desk"
[ "$(upgrades)" = 1 ] || fail "a new installation is taken for an upgrade"
say "removed and installed again: the same desk"
inside dpkg -P carillon carillon-server >>"$work/dpkg.log" 2>&1
inside systemctl daemon-reload
everything >"$work/after.txt"
# The fleet's root keys are the admin's.
diff "$work/before.txt" <(grep -v '^/var/lib/carillon-server-root-keys' "$work/after.txt") || fail "a purge leaves something behind"
say "purged: not one file, user or unit is left"
