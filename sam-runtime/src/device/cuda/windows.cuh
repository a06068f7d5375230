// The windows of images as matrices: a row for each tap of a channel, a column for each place.

#pragma once

#include "window.cuh"

// `Columns` in conv/cuda/windows.rs: how far it is from one row to the next, and from one image to the next.
struct Columns {
    u64 row, image;

    __device__ u64 at(unsigned r, unsigned n) const { return r * row + n * image; }
};

// What a place of image n covers with the tap of row `row`; 0 in the padding.
__device__ T window_at(const T* x, const Sliding& s, unsigned n, unsigned row, unsigned place) {
    const unsigned taps = s.size * s.size;
    unsigned pixel;
    if (!covered(s, place, row % taps, &pixel)) return T(0);
    return x[((u64)n * s.channels + row / taps) * s.height * s.width + pixel];
}
