#!/usr/bin/env bash
# Runs the README's tour against a running `make up` with a fresh data folder, and holds every answer against the one
# that the README prints. The README is the only source.
#
#   BASE_URL   where the edge is             (default http://localhost:8080)
#   DATA_DIR   the cluster's data folder     (default data)
#   README     which one                     (default README.md)
#   NO_CURL    not empty: use the stand-in for curl even where curl is installed
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# a proxy of this machine has nothing to do with a cluster on it
export no_proxy=localhost,127.0.0.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -n "${NO_CURL:-}" ] || ! command -v curl >/dev/null; then
    echo "no curl: using tests/support/curl_stand_in.py" >&2
    mkdir "$work/bin"
    printf '#!/bin/sh\nexec python3 "%s/tests/support/curl_stand_in.py" "$@"\n' "$root" >"$work/bin/curl"
    chmod +x "$work/bin/curl"
    PATH=$work/bin:$PATH
fi

python3 tests/support/tour.py script "${README:-README.md}" "$work" >"$work/tour.sh"
bash "$work/tour.sh"
echo "every answer was as the README says" >&2
