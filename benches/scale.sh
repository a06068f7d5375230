#!/usr/bin/env bash
# What ranks cost: steps on one rank alone, on all apart, and on all together, each rank bound to one core; the sum by size.
#   benches/scale.sh [RANKS] [ROUNDS] [mlp] [cnn] [resnet20] [sum]     2 ranks and 11 rounds by default
# Needs cargo and an MPI library with `mpirun` and `mpicc`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ranks=${1:-2} rounds=${2:-11}
shift $(($# < 2 ? $# : 2))
cargo build --quiet --release --locked -p sam-benches --features mpi --bin scale
bind=()
if mpirun --version | grep -q "Open MPI"; then
    bind=(--bind-to core)
    [ "$(id -u)" != 0 ] || bind+=(--allow-run-as-root)
fi
export RAYON_NUM_THREADS=1
exec mpirun "${bind[@]}" -n "$ranks" "${CARGO_TARGET_DIR:-target}/release/scale" "$rounds" "$@"
