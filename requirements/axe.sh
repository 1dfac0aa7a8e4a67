#!/usr/bin/env bash
# The browser tests let axe-core look at every page for what keeps people with disabilities out: brings its one file
# from npm into var/axe, and checks that it is the one that we know.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=requirements/common.sh
. requirements/common.sh

version=4.14.1
sha512=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5

mkdir -p var/axe
exec 9>var/axe.lock
flock 9
[ "$(cat var/axe/version 2>/dev/null)" = $version ] && exit 0
command -v npm >/dev/null || apt_install npm
command -v npm >/dev/null || fail "npm was not found: please install it"
say "bringing axe-core $version"
rm -rf var/axe/*
(cd var/axe && npm pack --silent --ignore-scripts axe-core@$version >/dev/null)
printf '%s  %s\n' $sha512 var/axe/axe-core-$version.tgz | sha512sum --check --quiet ||
    fail "axe-core $version is not what it was: var/axe/axe-core-$version.tgz"
tar -xzf var/axe/axe-core-$version.tgz -C var/axe --strip-components=1 package/axe.min.js
printf '%s' $version >var/axe/version
