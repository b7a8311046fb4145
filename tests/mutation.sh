#!/bin/sh
# Changes one module of the package in many small ways with cosmic-ray, one at a time, in a copy of the tree, and prints what
# cosmic-ray counts: tests/mutation.sh core/quota.py
# A change that no test notices survives. The module's own tests come first, then those of the core and the use cases, the
# crash points and 100 histories of the simulation.
set -eu
module=layers/textdrop/${1:?"say which module: make mutation ONLY=core/quota.py"}
[ -f "$module" ] || module=layers/textdrop/textdrop/$1
[ -f "$module" ] || { echo "mutation: there is no $module" >&2; exit 2; }

bin=$PWD/.venv/bin
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM
cp -a docs events functions layers local tests pyproject.toml template.yaml README.md "$copy"
cd "$copy"

pytest="$bin/python -m pytest -p no:cacheprovider --exitfirst"
own=$(find tests/unit -name "test_$(basename "$module")")
rest="tests/unit/core tests/unit/usecases tests/simulation/test_crash_points.py tests/simulation/test_histories.py"
cat > mutation.toml <<END
[cosmic-ray]
module-path = "$module"
timeout = 300.0
excluded-modules = []
test-command = "sh -c 'HISTORIES=100 && export HISTORIES && ${own:+$pytest $own && }$pytest $rest'"

[cosmic-ray.distributor]
name = "local"

# Types are checked by mypy and never evaluated: no other operator in the place of the | of a union.
[cosmic-ray.filters.operators-filter]
exclude-operators = ["core/ReplaceBinaryOperator_BitOr_.*"]
END
"$bin/cosmic-ray" init mutation.toml mutants.sqlite
"$bin/cr-filter-operators" mutants.sqlite mutation.toml
"$bin/cosmic-ray" baseline mutation.toml
"$bin/cosmic-ray" exec mutation.toml mutants.sqlite
"$bin/cr-report" --show-diff --surviving-only mutants.sqlite
