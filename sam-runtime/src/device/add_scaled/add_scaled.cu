// The sum with a branch whose samples are multiplied.

#include "layers.cuh"

extern "C" __global__ void sam_add_scaled(const T* to, const T* x, const T* factors, T* y, unsigned batch, unsigned channels, unsigned positions) {
    each(batch, positions, [&](unsigned n, unsigned c, unsigned p) {
        const u64 i = ((u64)n * channels + c) * positions + p;
        y[i] = to[i] + factors[n] * x[i];
    });
}

// `d_to` and `d_x` may be the gradient of one tensor: they are added to one after the other.
extern "C" __global__ void sam_add_scaled_back(const T* d_y, const T* factors, T* d_to, T* d_x, unsigned batch, unsigned channels, unsigned positions) {
    each(batch, positions, [&](unsigned n, unsigned c, unsigned p) {
        const u64 i = ((u64)n * channels + c) * positions + p;
        d_to[i] += d_y[i];
        d_x[i] += factors[n] * d_y[i];
    });
}
