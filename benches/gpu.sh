#!/usr/bin/env bash
# Training steps on a GPU, here and in PyTorch; SAM's own kernels against the card's copy bandwidth.
#
#   benches/gpu.sh build FOLDER      on a machine with a CUDA toolkit, GPU or not
#   benches/gpu.sh run FOLDER        on a machine with a GPU; builds nothing
#   benches/gpu.sh launches FOLDER   without a GPU: what a step has on the stream, counted by the emulator
#
# `run` takes PyTorch from $PYTHON (python3), and leaves it out where there is none.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
command=$1 folder=$2
shift 2
python=${PYTHON:-python3}

case $command in
build)
    cd "$root"
    mkdir -p "$folder"
    cargo build --release --locked -p sam-benches --bin gpu --features cuda
    target=$(cargo metadata --format-version 1 --no-deps |
        "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    cp "$target/release/gpu" "$folder/steps"
    cp "$root"/benches/peers/torch_{gpu,networks}.py "$folder"
    ;;
run)
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
    echo "here"
    "$folder/steps" "$@"
    "$folder/steps" tf32 "$@"
    echo "PyTorch"
    if "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
        "$python" "$folder/torch_gpu.py" "$@"
    else
        echo "not there: $python has no PyTorch that sees the GPU"
    fi
    ;;
launches)
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # What one step has: that of four steps less that of three. The first two of SAM are checked, and the third makes memory
    # that later ones use again.
    count() {
        SAM_EMULATOR_LOG=$log "$root/tests/cuda-emulator/run.sh" "$folder/steps" steps "$1" "$2" "$3"
        "$python" -c '
import json, sys
counts = json.load(open(sys.argv[1]))
print(counts["launches"], sum(f["calls"] for f in counts["blas"].values()), counts["memsets"]["calls"],
    counts["device_to_device"]["calls"], counts["host_to_device"]["calls"])' "$log"
    }
    for network in "${@:-mlp}"; do
        for step in base sam; do
            read -r -a before < <(count "$network" "$step" 3)
            read -r -a after < <(count "$network" "$step" 4)
            echo "$network $step: $((after[0] - before[0])) kernels, $((after[1] - before[1])) products by cuBLAS," \
                "$((after[2] - before[2])) memsets, $((after[3] - before[3])) copies, $((after[4] - before[4])) uploads"
        done
    done
    ;;
*)
    exec "$0"
    ;;
esac
