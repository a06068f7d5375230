#!/usr/bin/env bash
# Runs a program that was built with `--features cuda` on the emulator, in the place of a GPU's driver.
#
#   tests/cuda-emulator/run.sh PROGRAM [ARGS..]
#
# NVRTC stays the real one: it is looked for in CUDA_ROOT (/usr/local/cuda).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }
target=${CARGO_TARGET_DIR:-$here/target}
cargo build --quiet --release --manifest-path "$here/Cargo.toml" --target-dir "$target"
target=$(cd "$target" && pwd)
library=$target/release/libsam_cuda_emulator.so
folder=$target/driver
mkdir -p "$folder"
# One file under all names: the loader sees that they are one, and loads it once.
ln -sf "$library" "$folder/libcuda.so.1"
ln -sf "$library" "$folder/libnccl.so.2"
for version in 11 12 13; do ln -sf "$library" "$folder/libcublas.so.$version"; done
export LD_LIBRARY_PATH=$folder:${CUDA_ROOT:-/usr/local/cuda}/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
exec "$@"
