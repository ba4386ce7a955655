#!/bin/sh
# Prints a Python that fleetloop runs on, or says what to install.
for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    version=$("$path" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case "$version" in
        3.11) ;;
        3.12 | 3.13)
            command -v g++ >/dev/null || continue
            echo "Python $version has no ready PyBullet: pip compiles it, about five minutes." >&2 ;;
        *) continue ;;
    esac
    if ! "$path" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$path lacks venv. On Debian or Ubuntu: apt install python$version-venv" >&2
        exit 1
    fi
    echo "$path"
    exit 0
done
found=$(python3 --version 2>/dev/null || echo "no Python at all")
cat >&2 <<TEXT
fleetloop needs Python 3.11 (or 3.12, 3.13 with g++, to compile PyBullet); found: $found.
  Debian 12:            apt install python3.11 python3.11-venv
  Ubuntu 22.04, 24.04:  add-apt-repository ppa:deadsnakes/ppa && apt install python3.11-venv
  anywhere:             uv python install 3.11, then make PYTHON=\$(uv python find 3.11) ...
TEXT
exit 1
