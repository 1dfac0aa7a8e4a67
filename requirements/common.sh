# Read by install.sh, lock.sh and system.sh: finding a Python, and installing packages of the system.

say() { printf '==> %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Print the prefix with which this person may install packages without being asked; fail when there is none.
root_prefix() {
    if [ "$(id -u)" = 0 ]; then
        echo ""
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        echo "sudo -n"
    else
        return 1
    fi
}

# Install Debian packages when that is possible; else say exactly what to do and stop.
apt_install() {
    local prefix
    if ! command -v apt-get >/dev/null; then
        fail "please install what Debian calls: $*"
    fi
    prefix=$(root_prefix) || fail "please run: sudo apt-get install $*"
    say "installing with apt: $*"
    $prefix apt-get -qq update || say "apt-get update failed; trying with the lists that are there"
    $prefix env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" >/dev/null
}

_good_python() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
_new_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

_find_python() { # a shim may exist for a version that is not there: each one is tried, not only looked for
    local name
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if command -v "$name" >/dev/null && "$1" "$name"; then
            PYTHON=$(command -v "$name")
            return 0
        fi
    done
    return 1
}

# Set PYTHON to a Python 3.11 or newer that can make virtual environments.
ensure_python() {
    local asked=${PYTHON:-} name
    _find_python _good_python && return 0
    if _find_python _new_python; then # Debian ships venv's other half in a package of its own
        name=$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        apt_install "$name"
        _good_python "$PYTHON" && return 0
        fail "$PYTHON cannot make virtual environments: please install $name"
    fi
    [ -z "$asked" ] || fail "PYTHON=$asked is not a Python 3.11 or newer"
    apt_install python3 python3-venv
    _find_python _good_python || fail "Python 3.11 or newer is needed; this system has $(python3 --version 2>&1)"
}
