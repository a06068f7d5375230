// A convolution's way back and that of the normalization behind it.

#include "norm.cuh"
#include "windows.cuh"

// Two things that need nothing of each other, in one launch: the first `norm_blocks` blocks send the gradient through
// the normalization, those after them write the windows of images, `of_each` blocks a row.
extern "C" __global__ void sam_norm_back_im2col(
    const NormBack b, unsigned norm_blocks, const T* x, T* columns, const Sliding s, const Columns c, unsigned images,
    unsigned of_each
) {
    if (blockIdx.x < norm_blocks) {
        const unsigned parts = norm_blocks / b.planes.channels;
        norm_back(b, blockIdx.x / parts, blockIdx.x % parts, parts);
        return;
    }
    const unsigned block = blockIdx.x - norm_blocks, row = block / of_each;
    const unsigned places = s.down * s.across;
    for (u64 i = (u64)(block % of_each) * THREADS + threadIdx.x; i < (u64)images * places; i += (u64)of_each * THREADS) {
        const unsigned n = (unsigned)i / places, place = (unsigned)i % places;
        columns[c.at(row, n) + place] = window_at(x, s, n, row, place);
    }
}
