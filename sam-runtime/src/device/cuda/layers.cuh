// What the kernels of layers share. Tensors are dense: (batch, channels, positions).
//
// Backward kernels add to gradients. Each element is written by one thread, which adds in one order: the
// same bits each time, and no atomic operations.

#pragma once

#include "kernels.cuh"

// A block's threads work on neighbouring positions of one channel; z are samples.
template <typename F> __device__ void each(unsigned batch, unsigned positions, F f) {
    const unsigned p = blockIdx.x * blockDim.x + threadIdx.x;
    if (p >= positions) return;
    for (unsigned n = blockIdx.z; n < batch; n += gridDim.z) f(n, blockIdx.y, p);
}

// As `each`, where nothing but the element counts.
template <typename F> __device__ void all(u64 len, F f) {
    const u64 stride = (u64)gridDim.x * blockDim.x;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < len; i += stride) f(i);
}

struct Two {
    double first, second;
};

// The values of a block's threads, put together; each thread gets it.

__device__ Two together(Two value) {
    __shared__ Two values[THREADS];
    __syncthreads();
    values[threadIdx.x] = value;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) {
            values[threadIdx.x].first += values[threadIdx.x + half].first;
            values[threadIdx.x].second += values[threadIdx.x + half].second;
        }
    }
    __syncthreads();
    return values[0];
}

// The gradient behind ReLU, from what was put out.
__device__ T behind(const T* d_y, const T* y, u64 i) { return y && !(y[i] > T(0)) ? T(0) : d_y[i]; }
