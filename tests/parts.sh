#!/usr/bin/env bash
# The real parts that the suites run on, with their versions in their own words.
part() { printf '  %-11s %s\n' "$1" "$("${@:2}" 2>/dev/null | grep -m 1 '[^[:space:]]' | sed 's/^ *//')"; }
part kamailio kamailio -v
part baresip dpkg-query -W -f '${Version}' baresip-core
part sipp sipp -v
part sqlite3 sqlite3 --version
part tshark tshark --version
part chromium chromium --version
part node node --version
part python3 python3 --version
part wine wine --version
part axe-core sed -n 's/^const PACKAGE: &str = "axe-core@\(.*\)";/\1/p' "$(dirname "$0")/src/axe.rs"
part dunst dunst --version
part systemd systemd-nspawn --version
part lintian lintian --version
part rustc rustc --version
part kernel uname -srm
