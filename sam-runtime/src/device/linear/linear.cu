// Linear layers: (batch, features).

#include "layers.cuh"

extern "C" __global__ void sam_add_bias(T* y, const T* bias, bool relu, u64 len, unsigned features) {
    all(len, [&](u64 i) {
        const T v = bias ? y[i] + bias[i % features] : y[i];
        y[i] = relu && v < T(0) ? T(0) : v;
    });
}

extern "C" __global__ void sam_cut(const T* d_y, const T* y, T* d_z, u64 len) {
    all(len, [&](u64 i) { d_z[i] = behind(d_y, y, i); });
}

// d_bias += the sum of the rows.
extern "C" __global__ void sam_add_rows(const T* d_z, unsigned rows, unsigned features, T* d_bias) {
    const unsigned lane = threadIdx.x % 32, group = threadIdx.x / 32;
    __shared__ double sums[THREADS / 32][32];
    const unsigned feature = blockIdx.x * 32 + lane;
    double sum = 0;
    if (feature < features) {
        for (unsigned row = group; row < rows; row += THREADS / 32) sum += d_z[(u64)row * features + feature];
    }
    sums[group][lane] = sum;
    __syncthreads();
    if (group != 0 || feature >= features) return;
    for (unsigned other = 1; other < THREADS / 32; other++) sum += sums[other][lane];
    d_bias[feature] += (T)sum;
}
