#!/bin/sh
# Builds the dependencies' layers with real versions of pip, which it downloads, under one Python: `make pips`.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for pip in ${PIPS:-21.0 21.3.1 22.3.1 23.0.1 23.3.2 24.0 24.3.1 25.3}; do
    "$python" -m pip install --quiet --no-deps --target "$work/$pip" "pip==$pip" 2>"$work/log" || { cat "$work/log"; exit 1; }
    for layer in DependenciesArm64Layer DependenciesX8664Layer; do
        cp -R layers/dependencies "$work/source"
        result=built
        (cd "$work/source" && env -u UV ARTIFACTS_DIR="$work/out" PYTHON="$python" PYTHONPATH="$work/$pip" \
            make "build-$layer" >"$work/log" 2>&1 && test -d "$work/out/python/boto3") || { result=FAILED; failed=1; tail -n 5 "$work/log"; }
        echo "$("$python" --version), pip $pip: $layer $result"
        rm -rf "$work/source" "$work/out"
    done
done
exit $failed
