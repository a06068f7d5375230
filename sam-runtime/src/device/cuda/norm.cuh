// What batch normalization is made of. `NormForward` and `NormBack` in batch_norm/cuda/kernels.rs.

#pragma once

#include "layers.cuh"

// Where the numbers of x are: how far it is from one image to the next, and from one channel to the next.
// y, residual and their gradients are dense: (batch, channels, positions).
struct Planes {
    unsigned batch, channels, positions, image, channel;

    __device__ unsigned count() const { return batch * positions; }
    // Number i of channel c in x, and in what is dense.
    __device__ unsigned at(unsigned c, unsigned i) const {
        return i / positions * image + c * channel + i % positions;
    }
    __device__ unsigned dense(unsigned c, unsigned i) const {
        return (i / positions * channels + c) * positions + i % positions;
    }
};

// Calls `f(i)` for the numbers of a channel that part `part` of so many has.
template <typename F> __device__ void numbers(const Planes& planes, unsigned part, unsigned parts, F f) {
    const u64 stride = (u64)parts * THREADS;
    for (u64 i = (u64)part * THREADS + threadIdx.x; i < planes.count(); i += stride) f((unsigned)i);
}

// The sums of all parts of channel c, put together, for each thread: in the same order in every block.
__device__ Two of_all_parts(const Two* sums, unsigned c, unsigned parts) {
    Two sum = {0, 0};
    for (unsigned i = threadIdx.x; i < parts; i += THREADS) {
        sum.first += sums[c * parts + i].first;
        sum.second += sums[c * parts + i].second;
    }
    return together(sum);
}

// 1 / sqrt(variance + epsilon), or 1 without a variance.
__device__ T inverse_of(const T* variance, unsigned c, double epsilon) {
    return variance ? (T)(1.0 / sqrt((double)variance[c] + epsilon)) : T(1);
}

struct NormBack {
    const T *d_y, *y, *x, *mean, *variance, *scale;
    T* d_residual;
    Two* sums;
    T *d_bias, *d_scale, *d_x;
    double epsilon;
    Planes planes;
    unsigned parts;
    // Whether the moments were the batch's own; whether d_x is added to, not only written.
    unsigned of_the_batch, add;
};

// Part `part` of so many of what comes back through the normalization of channel c. The first one also adds to the
// gradients of bias and scale.
__device__ void norm_back(const NormBack& b, unsigned c, unsigned part, unsigned parts) {
    const Planes& planes = b.planes;
    const Two sum = of_all_parts(b.sums, c, b.parts);
    if (part == 0 && threadIdx.x == 0) {
        b.d_bias[c] += (T)sum.first;
        if (b.d_scale) b.d_scale[c] += (T)sum.second;
    }
    const T mean = b.mean ? b.mean[c] : T(0), scale = b.scale ? b.scale[c] : T(1);
    const T inverse = inverse_of(b.variance, c, b.epsilon);
    const double count = planes.count();
    const T mean_d = (T)(sum.first / count), mean_product = (T)(sum.second / count);
    numbers(planes, part, parts, [&](unsigned i) {
        const unsigned at = planes.at(c, i);
        T d = behind(b.d_y, b.y, planes.dense(c, i));
        if (b.of_the_batch) d -= mean_d + (b.x[at] - mean) * inverse * mean_product;
        d *= inverse;
        d *= scale;
        b.d_x[at] = b.add ? b.d_x[at] + d : d;
    });
}
