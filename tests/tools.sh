#!/bin/sh
# What the tests need beside Python: PostgreSQL's server, Node.js and Chromium. Debian's packages
# are installed when missing and when this user may; nothing else on the machine is touched.
set -eu

missing=""
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"

if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
        echo "The tests need these Debian packages:$missing" >&2
        echo "Install them as root: apt-get install$missing" >&2
        exit 1
    fi
    echo "Installing:$missing"
    # Debian starts a cluster of its own when PostgreSQL is installed; the tests bring theirs.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# The copy says which lock file was installed: another one is installed anew.
for folder in interop/node csms/dashboard/node csms/oidc/node; do
    folder="$(dirname "$0")/$folder"
    ready="$folder/node_modules/.ready"
    if ! cmp -s "$folder/package-lock.json" "$ready"; then
        echo "Installing the packages of $folder"
        (cd "$folder" && npm ci --silent --no-audit --no-fund --ignore-scripts)
        cp "$folder/package-lock.json" "$ready"
    fi
done
