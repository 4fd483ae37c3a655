#!/usr/bin/env bash
# .ci/docker.sh [start|stop]: a Docker engine and the images of the stack, on a Debian machine that reaches Debian's
# mirror, PyPI, npm and the Go module proxy, but no container registry.
#
# start  installs what is missing (as root), starts the engine unless one answers, builds stand-ins for the official
#        images that the stack uses, and writes the variables that name them to images.env in the cache.
# stop   stops the engine if it was started here, and not by a process that is still at work.
#
# The cache is ${XDG_CACHE_HOME:-~/.cache}/autorest: the engine's data, and a Debian 13 root. An image is named by the
# content it is made from, so a second run finds everything there.
set -Eeuo pipefail

TRAEFIK_VERSION=v3.6.12
PGADMIN_VERSION=9.18
SUITE=trixie

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/autorest
images=$top/tests/stack/images
certificates=/usr/local/share/ca-certificates
engine_pid=$cache/dockerd.pid
engine_owner=$cache/dockerd.owner

say() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
fail() { say "$*"; exit 1; }
as_root() { [[ $(id -u) == 0 ]] || fail "$1 needs root: run this as root, or set Docker up yourself."; }

install_packages() {
  local missing=()
  command -v dockerd > /dev/null || docker info > /dev/null 2>&1 || missing+=(docker.io iptables)
  command -v docker > /dev/null || missing+=(docker.io)
  command -v debootstrap > /dev/null || missing+=(debootstrap)
  if ((${#missing[@]})); then
    as_root "Installing ${missing[*]}"
    say "installing ${missing[*]}"
    apt-get update --quiet=2
    # the package's own service would start an engine with other data
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
  fi
}

# The settings with which this machine reaches the world: they go into the base image, which never leaves it.
machine_settings() {
  local root=$1
  if compgen -G "$certificates/*.crt" > /dev/null; then
    cp "$certificates"/*.crt "$root$certificates/"
    chroot "$root" update-ca-certificates > /dev/null
  fi
  apt-config dump | grep -iE '^Acquire::(http|https)::' > "$root/etc/apt/apt.conf.d/90machine" || true
  python3 -m pip config list 2> /dev/null |
    sed -nE "s/^(global|:env:)\.(index-url|extra-index-url|proxy|trusted-host)='(.*)'$/\2 = \3/p" |
    sort -u | sed '1i [global]' > "$root/etc/pip.conf" || true
}

mirror() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2> /dev/null |
    awk '$1 ~ /\/debian\/?$/ { print $1; exit }'
}

debian_root() {
  local root=$cache/$SUITE-root from
  if [[ ! -e $root/.made ]]; then
    as_root "Making a Debian $SUITE root"
    from=$(mirror)
    say "making a Debian $SUITE root from ${from:-Debian}"
    rm -rf "$root"
    debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$root" "${from:-http://deb.debian.org/debian}" \
      > "$cache/debootstrap.log" || { tail -n 20 "$cache/debootstrap.log" >&2; fail "debootstrap failed."; }
    machine_settings "$root"
    chroot "$root" apt-get clean
    touch "$root/.made"
  fi
  echo "$root"
}

# Debian 12 has neither compose 2 nor buildx; the programs of Debian 13 run on it.
install_plugin() {
  local package=$1 command=$2 root plugins=/usr/local/lib/docker/cli-plugins
  docker "$command" version > /dev/null 2>&1 && return
  as_root "Installing docker $command"
  root=$(debian_root)
  say "installing docker $command"
  chroot "$root" apt-get update --quiet=2
  chroot "$root" sh -c "cd /tmp && rm -f ${package}_*.deb && apt-get download --quiet=2 $package" 2> /dev/null
  dpkg -x "$root"/tmp/"$package"_*.deb "$cache/unpacked"
  install -D -m 0755 "$cache/unpacked/usr/libexec/docker/cli-plugins/$package" "$plugins/$package"
  rm -rf "$cache/unpacked" "$root"/tmp/"$package"_*.deb
  chroot "$root" sh -c 'rm -rf /var/lib/apt/lists/*'
  docker "$command" version > /dev/null || fail "docker $command does not work."
}

start_engine() {
  docker info > /dev/null 2>&1 && return
  as_root "Starting the Docker engine"
  say "starting the Docker engine"
  mkdir -p "$cache/docker"
  echo "$PPID" > "$engine_owner"
  setsid --fork sh -c 'echo $$ > "$1"; exec dockerd --data-root "$2" > "$3" 2>&1 < /dev/null' \
    sh "$engine_pid" "$cache/docker" "$cache/dockerd.log"
  for _ in {1..60}; do
    docker info > /dev/null 2>&1 && return
    sleep 1
  done
  tail -n 20 "$cache/dockerd.log" >&2
  fail "The Docker engine did not start within a minute; its log is $cache/dockerd.log."
}

stop_engine() {
  local pid owner
  [[ -s $engine_pid ]] || { say "no engine of this script runs"; return; }
  pid=$(< "$engine_pid")
  owner=$(< "$engine_owner")
  if [[ $owner != "$PPID" && -e /proc/$owner ]]; then
    say "the engine stays: process $owner, which started it, is still at work"
    return
  fi
  if [[ -r /proc/$pid/comm && $(< "/proc/$pid/comm") == dockerd ]]; then
    say "stopping the Docker engine"
    kill "$pid"
    for _ in {1..30}; do
      [[ -e /proc/$pid ]] || break
      sleep 1
    done
  fi
  rm -f "$engine_pid" "$engine_owner"
}

digest() { sha256sum | cut -c1-16; }
content() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
exists() { docker image inspect "$1" > /dev/null 2>&1; }

debian_image() {
  local image
  image=autorest-test/debian:$({ declare -f machine_settings debian_root debian_image; cat "$certificates"/*.crt 2> /dev/null || true; } | digest)
  if ! exists "$image"; then
    local root bundle=/etc/ssl/certs/ca-certificates.crt
    root=$(debian_root)
    say "importing $image"
    tar --directory "$root" --create --exclude=./.made . | docker import \
      --change "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PIP_CERT=$bundle NODE_EXTRA_CA_CERTS=$bundle" \
      --change 'ENV DEBIAN_FRONTEND=noninteractive' --change 'CMD ["bash"]' - "$image" > /dev/null
  fi
  echo "$image"
}

# built NAME ARGUMENT=VALUE...: build tests/stack/images/NAME unless it exists, and print the image's name.
built() {
  local name=$1 image argument log options=()
  shift
  image=autorest-test/$name:$({ content "$images/$name"; printf '%s\n' "$@"; } | digest)
  if ! exists "$image"; then
    say "building $image"
    for argument in "$@" http_proxy https_proxy no_proxy GOPROXY npm_config_registry; do
      options+=(--build-arg "$argument")
    done
    log=$cache/build-$name.log
    DOCKER_BUILDKIT=1 docker build --progress plain --network host "${options[@]}" --tag "$image" "$images/$name" > "$log" 2>&1 ||
      { tail -n 30 "$log" >&2; fail "Building $image failed; the whole log is $log."; }
    say "built $image"
  fi
  echo "$image"
}

# Images that were made from other content than there is now.
forget_others() {
  docker image ls --format '{{.Repository}}:{{.Tag}}' 'autorest-test/*' |
    { grep --invert-match --fixed-strings --file <(cut -d= -f2 "$cache/images.env") || true; } |
    xargs --no-run-if-empty docker rmi > /dev/null 2>&1 || true
  docker builder prune --force --keep-storage 4GB > /dev/null 2>&1 || true
}

start() {
  mkdir -p "$cache"
  install_packages
  start_engine
  install_plugin docker-compose compose
  install_plugin docker-buildx buildx

  local debian python postgres pgadmin traefik
  debian=$(debian_image)
  # the long one beside the others
  built traefik "DEBIAN_IMAGE=$debian" "TRAEFIK_VERSION=$TRAEFIK_VERSION" > "$cache/traefik.name" &
  local traefik_build=$!
  postgres=$(built postgres "DEBIAN_IMAGE=$debian")
  python=$(built python "DEBIAN_IMAGE=$debian")
  pgadmin=$(built pgadmin "PYTHON_IMAGE=$python" "PGADMIN_VERSION=$PGADMIN_VERSION")
  wait "$traefik_build" || exit 1
  traefik=$(< "$cache/traefik.name")

  cat > "$cache/images.env" << IMAGES
DEBIAN_IMAGE=$debian
PYTHON_IMAGE=$python
POSTGRES_IMAGE=$postgres
PGADMIN_IMAGE=$pgadmin
TRAEFIK_IMAGE=$traefik
IMAGES
  forget_others
  say "the engine answers and the images are there: $cache/images.env"
}

case ${1:-start} in
  start) start ;;
  stop) stop_engine ;;
  *) fail "usage: .ci/docker.sh [start|stop]" ;;
esac
