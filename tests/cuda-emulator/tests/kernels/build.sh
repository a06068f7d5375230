#!/usr/bin/env bash
# Makes the stored PTX from the sources beside it. Needs nvcc; the tests need the stored PTX only.
cd "$(dirname "${BASH_SOURCE[0]}")"
for source in *.cu; do nvcc --ptx -arch=compute_90 "$source" -o "${source%.cu}.ptx"; done
