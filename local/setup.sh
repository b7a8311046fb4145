#!/bin/sh
# Finds a Python 3.11 or newer that can make virtual environments, and runs local/setup.py with it.
# PYTHON=/path/to/python chooses one by hand. Arguments: the environments to make (default: all that `make` needs).
set -eu
cd "$(dirname "$0")/.."

without_venv=""
check='import importlib.util as u, sys
sys.exit(1 if sys.version_info < (3, 11) else 0 if u.find_spec("venv") and u.find_spec("ensurepip") else 2)'
for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    command -v "$name" >/dev/null 2>&1 || continue
    status=0
    "$name" -I -S -c "$check" 2>/dev/null || status=$?
    case $status in
        0) exec "$name" -I local/setup.py "$@" ;;
        2) without_venv="$without_venv $name" ;;
    esac
done

if [ -n "$without_venv" ]; then
    version=$(set -- $without_venv; "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "setup: found$without_venv, but it cannot make virtual environments (its venv or ensurepip module is missing)." >&2
    echo "       Debian, Ubuntu: apt-get install python$version-venv    then run the same command again." >&2
else
    echo "setup: no Python 3.11 or newer was found (looked for: ${PYTHON:-python3.13 python3.12 python3.11 python3})." >&2
    echo "       Debian, Ubuntu: apt-get install python3 python3-venv   Fedora: dnf install python3" >&2
    echo "       Elsewhere on the disk: make PYTHON=/path/to/python3 ..." >&2
fi
exit 1
