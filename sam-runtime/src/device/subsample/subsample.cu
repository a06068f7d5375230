// Every stride-th pixel, between channels of zeros. `s.channels` are those of x.

#include "window.cuh"

extern "C" __global__ void sam_subsample(const T* x, T* y, Sliding s, unsigned outputs, unsigned before, unsigned batch) {
    const unsigned places = s.down * s.across;
    each(batch, places, [&](unsigned n, unsigned c, unsigned place) {
        T value = 0;
        if (c >= before && c - before < s.channels) {
            const unsigned pixel = place / s.across * s.stride * s.width + place % s.across * s.stride;
            value = x[((u64)n * s.channels + c - before) * s.height * s.width + pixel];
        }
        y[((u64)n * outputs + c) * places + place] = value;
    });
}

extern "C" __global__ void sam_subsample_back(const T* d_y, T* d_x, Sliding s, unsigned outputs, unsigned before, unsigned batch) {
    const unsigned places = s.down * s.across;
    each(batch, places, [&](unsigned n, unsigned c, unsigned place) {
        const unsigned pixel = place / s.across * s.stride * s.width + place % s.across * s.stride;
        d_x[((u64)n * s.channels + c) * s.height * s.width + pixel] += d_y[((u64)n * outputs + before + c) * places + place];
    });
}
