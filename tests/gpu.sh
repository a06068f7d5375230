#!/usr/bin/env bash
# Runs the tests that need a GPU. It builds nothing: it takes the folder that `tests/gpu.sh build` filled,
# which can be carried to a machine with a GPU and nothing else.
#
#   tests/gpu.sh build FOLDER [nccl]   on a machine with a CUDA toolkit, GPU or not; ranks by NCCL, too
#   tests/gpu.sh run FOLDER            on a machine with a GPU
#   tests/gpu.sh emulate FOLDER        without a GPU, on the emulator (tests/cuda-emulator)
#
# The machine that runs them needs the driver, the CUDA libraries that they were linked with (NCCL among them, if it was
# asked for; its tests take a GPU for each of three ranks, or the emulator), and the
# toolkit's headers where they were when this was built: dfdx compiles some kernels on first use.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -eq 2 ] || [ "$*" = "build ${2:-} nccl" ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
folder=$2

# The program that cargo has built for a target, from its messages.
program() {
    python3 -c '
import json, sys
for line in open(sys.argv[2]):
    message = json.loads(line)
    if message.get("executable") and message["target"]["name"] == sys.argv[1]:
        print(message["executable"])' "$1" "$folder/messages.json"
}

case $1 in
build)
    cd "$root"
    mkdir -p "$folder"
    # Both at once: each with features of its own, dfdx's kernels would be compiled twice.
    cargo test --no-run --locked -p sam-runtime -p sam-tests --lib --test cuda --features "cuda${3:+,$3}" \
        --message-format=json >"$folder/messages.json"
    program sam_runtime | xargs -I{} cp {} "$folder/runtime"
    program cuda | xargs -I{} cp {} "$folder/equality"
    rm "$folder/messages.json"
    ls -l "$folder"
    ;;
run | emulate)
    run=()
    [ "$1" = run ] || run=("$root/tests/cuda-emulator/run.sh")
    failed=0
    # One after the other: they share a card, and the emulator counts for the whole process.
    "${run[@]}" "$folder/runtime" ::cuda:: --test-threads=1 || failed=1
    "${run[@]}" "$folder/equality" --test-threads=1 || failed=1
    exit $failed
    ;;
*)
    exec "$0"
    ;;
esac
