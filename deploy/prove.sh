#!/bin/sh
# Build the image of ../Dockerfile without a daemon and without pulling anything, and run it:
#
#   sudo deploy/prove.sh              # needs 3 GB in /var/tmp while it runs
#   sudo deploy/prove.sh FOLDER       # keeps everything in this folder, and builds on what is there
#
# It needs root on Linux, Debian's packages, `make run`'s .venv, and mmdebstrap. buildah runs in a Debian of its own. Two
# things stand in for what cannot be pulled: a Debian 13 made here, without documentation, for debian:trixie-slim; and the
# same with this machine's Node for node:22-trixie-slim. Everything else is the Dockerfile's: each step, each file.
#
# Then deploy/prove_image.py runs the image's own command as its own user, with a read-only root: see there.
set -eu
cd "$(dirname "$0")/.."

fail() { printf '%s\n' "$1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "Building without a daemon needs root: it mounts file systems."
unshare --mount --pid --fork true 2>/dev/null || fail "This machine lets no one make namespaces, so nothing can be built here."
for program in mmdebstrap node npm; do
    command -v "$program" >/dev/null || fail "$program is missing: apt-get install $program."
done
[ -x .venv/bin/python ] || fail "The virtual environment .venv is missing: run \`make run\` once."

if [ $# = 0 ]; then
    place=$(mktemp -d /var/tmp/chat-image.XXXXXX)
    trap 'rm -rf --one-file-system "$place"' EXIT
    trap 'exit 130' INT TERM
else
    place=$1
fi
mkdir -p "$place/input/node"

# ARCHIVE-OR-FOLDER [OPTION]...: a Debian 13 without documentation.
debian() {
    target=$1
    shift
    mmdebstrap --quiet --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' "$@" trixie "$target"
}

# What pip and npm of this machine know about their registries.
registries() {
    cp /etc/ssl/certs/ca-certificates.crt "$place/input/ca.pem"
    { echo '[global]'; echo 'cert = /run/machine/ca.pem'; pip config get global.index-url 2>/dev/null | sed 's/^/index-url = /'; } >"$place/input/pip.conf"
    { echo "registry=$(npm config get registry)"; echo 'cafile=/run/machine/ca.pem'; } >"$place/input/npmrc"
}

# COMMAND...: in the Debian of the tools, which sees the project at /src and $place/input at /input.
inside() {
    unshare --mount --propagation private sh -euc '
        root=$1; shift
        mount --bind "$root" "$root"
        mkdir -p "$root/src" "$root/input" "$root/.old"
        mount --rbind /proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount --bind "$root/../input" "$root/input"
        mount --bind . "$root/src"
        cp /etc/resolv.conf "$root/etc/resolv.conf"
        cd "$root"
        pivot_root . .old
        cd /src
        exec "$@"
    ' sh "$place/tools" env STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot TMPDIR=/var/tmp "$@"
}

echo "Making two Debians …"
[ -e "$place/input/base.tar" ] || debian "$place/input/base.tar" --variant=minbase
[ -e "$place/tools" ] || debian "$place/tools" --variant=apt --include=buildah,ca-certificates,docker-compose
cp "$(command -v node)" "$place/input/node/node"
rm -rf "$place/input/node/npm"
cp -r "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$place/input/node/npm"
registries

echo "Checking deploy/compose.yaml …"
inside env POSTGRES_PASSWORD=secret PUBLIC_URL=https://chat.example.com sh -euc '
    mkdir -p /check/deploy && cp deploy/compose.yaml deploy/Caddyfile /check/deploy && touch /check/.env
    docker-compose -f /check/deploy/compose.yaml config --quiet'

echo "Building …"
inside sh -euc '
    build() { buildah build --format docker --pull-never --network host --ulimit nofile=20000:20000 --ulimit nproc=20000:20000 "$@"; }
    cd /input
    printf "FROM scratch\nADD base.tar /\n" | build --quiet -t docker.io/library/debian:trixie-slim -f - .
    printf "FROM docker.io/library/debian:trixie-slim\nCOPY node/node /usr/local/bin/\nCOPY node/npm /usr/local/lib/node_modules/npm\nRUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm\n" |
        build --quiet -t docker.io/library/node:22-trixie-slim -f - .
    printf "FROM scratch\nCOPY . /\n" | build --quiet -t context --ignorefile /src/.dockerignore -f - /src
    build --quiet --volume /input:/run/machine:ro --volume /input/pip.conf:/etc/pip.conf:ro --volume /input/npmrc:/root/.npmrc:ro -t chat /src
    rm -rf /out && mkdir /out
    for name in context chat; do
        buildah inspect --type image "$name" >"/out/$name.json"
        ln -s "$(buildah mount "$(buildah from --network host --pull-never "$name")")" "/out/$name"
    done
    buildah push --quiet chat docker-archive:/out/chat.tar
    gzip --fast --keep /out/chat.tar'

.venv/bin/python -m deploy.prove_image "$place/tools"
