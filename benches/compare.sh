#!/usr/bin/env bash
# The same training steps here, in PyTorch (eager and compiled) and in JAX, side by side; ends with one line of JSON.
#   benches/compare.sh [--quick] [mlp] [cnn] [resnet20] [wrn-16-4]
#   benches/compare.sh loader      # not steps, but the data loaders
#   benches/compare.sh pictures    # the same from JPEG files
# Needs Python 3.11 or later with venv, and cargo; torch.compile, a C++ compiler and Python's headers, and it is left out
# with a word where they are missing. The peers go to `.venv` beside this script, at the first run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$here/.venv
requirements=$here/peers/requirements.txt

# The copy says which requirements were installed to the end.
if ! cmp -s "$requirements" "$venv/installed.txt"; then
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
    cp "$requirements" "$venv/installed.txt"
fi

cd "$here/.."
target=$(cargo metadata --format-version 1 --no-deps |
    "$venv/bin/python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
if [ "${1:-}" = pictures ]; then
    cargo build --quiet --release -p sam-benches --features image --bin picture-speed
    exec "$target/release/picture-speed" --python "$venv/bin/python" "${@:2}"
fi
if [ "${1:-}" = loader ]; then
    cargo build --quiet --release -p sam-benches --bin loader-speed
    exec "$target/release/loader-speed" --python "$venv/bin/python"
fi
cargo build --quiet --release -p sam-benches --bin compare --bin steps
exec "$target/release/compare" --python "$venv/bin/python" "$@"
