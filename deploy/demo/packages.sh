# Debian packages that a script needs: sourced, never run.
#
# `need_packages NAME…` installs those that are missing (apt-get, as root or with sudo) and tells
# how to do it by hand when it may not.

# Debian keeps kamailio and kamcmd where only root looks.
PATH=$PATH:/usr/sbin:/sbin

need_packages() {
    local missing=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local by_hand="apt-get install --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "These Debian packages are missing and there is no apt-get here: ${missing[*]}" >&2
        return 1
    fi
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
            as_root=(sudo)
        else
            echo "These Debian packages are missing: ${missing[*]}" >&2
            echo "Neither root nor sudo is at hand; as root, run: $by_hand" >&2
            return 1
        fi
    fi
    echo "Installing: ${missing[*]}"
    local log; log=$(mktemp)
    if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update &&
           "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
               apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        echo "Installing failed; by hand, as root: $by_hand" >&2
        return 1
    fi
    rm -f "$log"
    # Debian starts a Kamailio of its own on port 5060, and an slapd on 389, when it installs the package; nobody asked for
    # those.
    local service
    for service in kamailio slapd; do
        case " ${missing[*]} " in *" $service "*)
            if [ -d /run/systemd/system ]; then
                "${as_root[@]}" systemctl disable --now "$service.service" >/dev/null 2>&1 || true
            fi ;;
        esac
    done
}

# What building takes, beside Rust.
BUILD_PACKAGES=(build-essential cmake pkg-config libasound2-dev)
# What the demo runs on.
DEMO_PACKAGES=(kamailio kamailio-sqlite-modules sqlite3 jq procps)
# What the suites and the benchmark run on.
LAB_PACKAGES=("${DEMO_PACKAGES[@]}" kamailio-presence-modules chromium chromium-driver sip-tester baresip-core tshark pulseaudio pulseaudio-utils git kamailio-tls-modules kamailio-websocket-modules dnsmasq-base nftables iproute2 sipvicious nodejs python3 xdg-utils dunst dbus-bin dbus-daemon xvfb desktop-file-utils slapd ldap-utils)
# What the Debian packages are built, checked and tried with.
DEBIAN_PACKAGES=(debhelper lintian mmdebstrap systemd-container)
# What the Windows programs are built with on Debian, and tried under.
WINDOWS_PACKAGES=(rustc-web cargo-web rust-web-src gcc-mingw-w64-x86-64-posix g++-mingw-w64-x86-64-posix cmake nasm wine wine64 wixl msitools osslsigncode openssl)

need_rust() {
    # rustup puts cargo here; a fresh login shell would know it.
    [ -d "$HOME/.cargo/bin" ] && PATH="$HOME/.cargo/bin:$PATH"
    if ! command -v cargo >/dev/null; then
        echo "cargo is not there: install Rust 1.95 or newer (https://rustup.rs), then start again" >&2
        return 1
    fi
}
