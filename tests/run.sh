#!/bin/sh
# All tests, by several workers; then those that failed once more, one after the other.
#
# A test of processes, browsers and time-outs can fail because the machine had too much to do at
# that moment. One that passes alone does not stop the run, but is named as FLAKY at its end, to be
# mended. More than a few failures are not chance and are not tried again.
#
#     run.sh PYTHON WORKERS [argument of pytest ...]
set -eu
python=$1 workers=$2
shift 2
AGAIN_MAX=5
cache=.pytest_cache/run
code=0
"$python" -m pytest -o cache_dir="$cache" --cache-clear \
    -n "$workers" --dist loadfile --no-loadscope-reorder --max-worker-restart 0 "$@" || code=$?
[ "$code" = 1 ] || exit "$code" # 1: tests failed; anything else is not about tests
failed=$("$python" -c '
import json, sys
print(*sorted(json.load(open(sys.argv[1]))), sep="\n")' "$cache/v/cache/lastfailed")
[ "$(echo "$failed" | wc -l)" -le "$AGAIN_MAX" ] || exit 1
echo "These failed beside others and run once more, alone:"
echo "$failed"
"$python" -m pytest -o cache_dir="$cache" --last-failed --last-failed-no-failures none "$@"
echo "$failed" | sed 's/^/FLAKY, passed alone: /'
