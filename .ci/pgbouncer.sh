#!/bin/sh
# Print the path of a pgBouncer that keeps prepared statements in transaction mode (1.21 or newer).
#
# The one on the PATH is taken when it is new enough. Otherwise Debian 13's package is unpacked, with the
# libraries it wants, under ~/.cache/autorest, and runs with its own loader and C library: nothing is installed.
set -eu

new_enough() {
    "$1" --version 2>/dev/null | awk 'NR == 1 { split($2, v, "."); exit !(v[1] > 1 || v[1] == 1 && v[2] >= 21) }'
}

for candidate in "${AUTOREST_PGBOUNCER:-}" "$(command -v pgbouncer || true)" /usr/sbin/pgbouncer; do
    if [ -x "$candidate" ] && new_enough "$candidate"; then
        echo "$candidate"
        exit
    fi
done

cache="${AUTOREST_CACHE:-$HOME/.cache/autorest}"
kept="$cache/pgbouncer-trixie"
if [ -x "$kept/pgbouncer" ] && new_enough "$kept/pgbouncer"; then
    echo "$kept/pgbouncer"
    exit
fi

for tool in apt-get dpkg dpkg-deb; do
    command -v "$tool" >/dev/null || { echo "pgBouncer 1.21 or newer is not here, and neither is $tool" >&2; exit 1; }
done

mkdir -p "$cache"
work=$(mktemp -d "$cache/pgbouncer.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/etc/apt.conf.d" "$work/etc/preferences.d" "$work/state/lists/partial" \
    "$work/cache/archives/partial" "$work/debs" "$work/tree/root"
: >"$work/state/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" \
    >"$work/etc/sources.list"

apt() {
    apt-get -qq -o Dir::Etc="$work/etc" -o Dir::State="$work/state" -o Dir::State::status="$work/state/status" \
        -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none \
        -o Acquire::Retries=3 -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@" >&2
}

apt update
(cd "$work/debs" && apt download pgbouncer libc6 libevent-2.1-7t64 libcares2 libssl3t64 libsystemd0 libpam0g \
    libcap2 libaudit1 libcap-ng0 libldap2 libsasl2-2 libzstd1 zlib1g liblzma5 liblz4-1 libgcrypt20 libgpg-error0)
for package in "$work"/debs/*.deb; do
    dpkg-deb -x "$package" "$work/tree/root"
done

root="$work/tree/root"
libraries="usr/lib/$(dpkg --print-architecture | sed 's/amd64/x86_64/; s/arm64/aarch64/')-linux-gnu"
loader=$(cd "$root" && ls "$libraries"/ld-linux-*.so.* | head -n 1)
cat >"$work/tree/pgbouncer" <<END
#!/bin/sh
root=\$(dirname "\$(readlink -f "\$0")")/root
exec "\$root/$loader" --library-path "\$root/$libraries" "\$root/usr/sbin/pgbouncer" "\$@"
END
chmod -R a+rX "$work/tree"
chmod 755 "$work/tree/pgbouncer"
new_enough "$work/tree/pgbouncer" || { "$work/tree/pgbouncer" --version >&2; exit 1; }
rm -rf "$kept"
mv "$work/tree" "$kept"
echo "$kept/pgbouncer"
