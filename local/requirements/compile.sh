#!/bin/sh
# Compiles the hashed requirement files from pyproject.toml. Without --upgrade, versions stay where they still fit.
# The environments' files hold for every Python from 3.11 on; the layer's holds for Lambda's Linux, so that it has no condition
# that a machine of another kind would answer differently, and takes the versions that the tests run with.
set -eu
cd "$(dirname "$0")/../.."
compile() {
    .local/venv/uv/bin/uv pip compile --quiet --no-header --no-emit-index-url --generate-hashes --python-version 3.11 "$@"
}
compile --universal --group pyproject.toml:uv --output-file local/requirements/uv.txt "$@"
compile --universal pyproject.toml --group dev --output-file local/requirements/dev.txt "$@"
compile --universal --group pyproject.toml:sam --output-file local/requirements/sam.txt "$@"
compile --universal --group pyproject.toml:ministack --output-file local/requirements/ministack.txt "$@"
compile --universal --group pyproject.toml:lambda --output-file local/requirements/lambda.txt "$@"
compile --python-platform x86_64-manylinux_2_28 --constraint local/requirements/dev.txt pyproject.toml \
    --output-file layers/dependencies/requirements.txt "$@"
