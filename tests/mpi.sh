#!/bin/bash
# Ranks under `mpirun`: the tests of `tests/ranks.rs`, ranks that end in other ways, and the example `mnist`, of which one rank is
# killed and which goes on alone. Takes Open MPI or MPICH, with `mpicc`; of several, MPICC and MPIRUN name one.
#
# usage: tests/mpi.sh [CARGO OPTION...]
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --locked -p sam-tests -p sam-examples --features sam-tests/mpi,sam-examples/mpi \
    --bin ranks --example mnist "$@"
target=${CARGO_TARGET_DIR:-target}/debug
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mpirun=${MPIRUN:-mpirun}
options=()
if "$mpirun" --version | grep -q "Open MPI"; then
    options=(--oversubscribe --bind-to none)
    if [ "$(id -u)" = 0 ]; then
        options+=(--allow-run-as-root)
    fi
fi
# Ranks that hang are as wrong as ranks that fail.
ranks() {
    local count=$1
    shift
    RAYON_NUM_THREADS=1 timeout 300 "$mpirun" "${options[@]}" -n "$count" "$@"
}
# What a job says that must fail.
failed() {
    local count=$1 expected=$2
    shift 2
    local status=0
    ranks "$count" "$@" > "$folder/said" 2>&1 || status=$?
    if [ $status = 0 ] || [ $status = 124 ] || ! grep -qF "$expected" "$folder/said"; then
        cat "$folder/said"
        echo "expected \"$expected\" and a failure, found status $status"
        exit 1
    fi
    echo "$* on $count ranks: $expected"
}

for count in 1 2 3 4; do
    ranks "$count" "$target/ranks" steps
    echo "steps on $count ranks: as in one process"
done
failed 2 "rank 1 of 2: an error that this test wants" "$target/ranks" error
failed 2 "rank 1 of 2 has panicked" "$target/ranks" panic

# A whole run, and one that goes on with another number of ranks.
alone=$("$target/ranks" run "$folder/alone" "")
four=$(ranks 4 "$target/ranks" run "$folder/four" "" 2> /dev/null)
[ "$four" = "$alone" ] || { echo "four ranks: $four, alone: $alone"; exit 1; }
ranks 4 "$target/ranks" run "$folder/moved" "epochs = 1" 2> /dev/null
moved=$("$target/ranks" run "$folder/moved" "resume = true")
[ "$moved" = "$alone" ] || { echo "four ranks, then one: $moved, alone: $alone"; exit 1; }
echo "a run on four ranks, and then on one: $moved"

# MNIST's format, random pixels.
python3 - "$folder" << 'PYTHON'
import random, struct, sys
random.seed(0)
for split, images in ("train", 6000), ("t10k", 500):
    labels = bytes(random.randrange(10) for _ in range(images))
    head = struct.pack(">HBB", 0, 8, 1) + struct.pack(">I", images)
    open(f"{sys.argv[1]}/{split}-labels-idx1-ubyte", "wb").write(head + labels)
    head = struct.pack(">HBB", 0, 8, 3) + struct.pack(">III", images, 28, 28)
    open(f"{sys.argv[1]}/{split}-images-idx3-ubyte", "wb").write(head + random.randbytes(images * 784))
PYTHON
mnist=("$target/examples/mnist" --data "$folder" --epochs 6 --out "$folder/run" --set run.checkpoints.every=5)
ranks 2 "${mnist[@]}" > "$folder/said" 2>&1 &
job=$!
until ls "$folder"/run/checkpoints/step-*.json > /dev/null 2>&1; do
    kill -0 $job || { cat "$folder/said"; exit 1; }
    sleep 0.1
done
# The younger of the two.
kill -KILL "$(pgrep -n -f "$folder/run")"
if wait $job; then
    echo "the job ends well though a rank was killed"
    exit 1
fi
"${mnist[@]}" --resume > "$folder/said" 2>&1 || { cat "$folder/said"; exit 1; }
grep -q "resumed after batch" "$folder/said" || { cat "$folder/said"; exit 1; }
echo "mnist on two ranks: one was killed, both ended, and it went on alone"
