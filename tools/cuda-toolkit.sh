#!/usr/bin/env bash
# Puts a CUDA toolkit into a folder, without root and without a GPU, so that `--features cuda` compiles and links.
#
#   tools/cuda-toolkit.sh FOLDER           installs it (1.3 GB, some minutes); does nothing where it is already
#   . tools/cuda-toolkit.sh env FOLDER     sets PATH, CUDA_ROOT and what else a build with it takes, in this shell
#
# It takes Python with pip, and a C compiler. The compiler, its libraries and headers are NVIDIA's packages for
# Python. They are all of CUDA 13.0, since parts of different releases don't fit each other (nvcc refuses the headers
# of another one).
#
# Three things are stood in for, to build only:
#   build-shim/nvidia-smi   tells dfdx's build script a compute capability: 9.0, or CUDA_COMPUTE_CAP
#   stubs/libcuda.so        the driver's functions, for the linker, as NVIDIA's own stub has them
#   stubs/libnccl.so        NCCL's functions, for the feature `nccl`
# What is built runs where there is a driver (and NCCL), or on tests/cuda-emulator. dfdx compiles five of its kernels when they
# are first used, against the headers in the folder that it was built with.

if [ "${1:-}" = env ]; then
    CUDA_ROOT=$(cd "${2:?the folder of the toolkit}" && pwd) || return 1
    export CUDA_ROOT CUDA_PATH=$CUDA_ROOT CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}
    export PATH=$CUDA_ROOT/build-shim:$CUDA_ROOT/bin:$PATH
    # shellcheck disable=SC2317
    return 0 2>/dev/null || exit 2
fi

set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
# Written last: a folder that has it is whole.
done=$root/lib64/stubs/libnccl.so
[ ! -e "$done" ] || exit 0

wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$wheels" \
    nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96 \
    nvidia-cuda-nvrtc==13.0.88 nvidia-cublas==13.1.0.3 nvidia-curand==10.4.0.35 nvidia-cuda-cccl==13.0.85
python3 - "$wheels" <<'PY'
import pathlib, sys, zipfile
for wheel in pathlib.Path(sys.argv[1]).glob("*.whl"):
    zipfile.ZipFile(wheel).extractall(sys.argv[1])
    wheel.unlink()
PY
cp -a "$wheels"/nvidia/cu13/. "$root"/
# Archives of Python don't keep what may be run.
chmod +x "$root"/bin/* "$root"/nvvm/bin/*
[ -e "$root/lib64" ] || ln -s lib "$root/lib64"
# The linker looks for names without a version.
for library in "$root"/lib/lib*.so.*; do
    plain=${library%%.so.*}.so
    [ -e "$plain" ] || ln -s "${library##*/}" "$plain"
done

# Every function that cuda.h declares, and the versions of those that have several.
mkdir -p "$root/lib64/stubs" "$root/build-shim"
{
    grep -oE '\bcu[A-Z][A-Za-z0-9_]+ *\(' "$root/include/cuda.h" | tr -d ' ('
    grep -oE '#define +cu[A-Z][A-Za-z0-9]+ +cu[A-Za-z0-9_]+' "$root/include/cuda.h" | awk '{ print $3 }'
    printf '%s_v2\n' cuMemAlloc cuMemFree cuMemcpyHtoD cuMemcpyDtoH cuMemcpyDtoD cuMemcpyHtoDAsync cuMemcpyDtoHAsync \
        cuMemcpyDtoDAsync cuDevicePrimaryCtxRelease cuCtxDestroy cuStreamDestroy cuEventDestroy cuModuleGetGlobal \
        cuMemGetInfo cuDeviceTotalMem cuDevicePrimaryCtxReset cuCtxCreate
} | sort -u | sed 's/.*/int &(void) { return 999; }/' >"$wheels/stub.c"
cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$root/lib64/stubs/libcuda.so" "$wheels/stub.c"

cat >"$wheels/nvidia-smi" <<'SH'
#!/bin/sh
echo compute_cap
echo "${CUDA_COMPUTE_CAP:-90}" | sed 's/.$/.&/'
SH
chmod +x "$wheels/nvidia-smi"
mv "$wheels/nvidia-smi" "$root/build-shim/nvidia-smi"

for name in GetVersion GetUniqueId CommInitRank CommAbort CommGetAsyncError GetErrorString GetLastError GroupStart GroupEnd \
    AllReduce AllGather Broadcast Send Recv; do
    echo "int nccl$name(void) { return 3; }"
done >"$wheels/nccl.c"
cc -shared -fPIC -Wl,-soname,libnccl.so.2 -o "$wheels/libnccl.so" "$wheels/nccl.c"
mv "$wheels/libnccl.so" "$done"
"$root/bin/nvcc" --version | tail -1
