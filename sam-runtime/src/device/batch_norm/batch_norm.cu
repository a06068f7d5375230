// Batch normalization.
//
// The sums of a channel are made in parts, by as many blocks; the kernel that needs them puts the parts together in
// each of its blocks, which takes less time than one more launch.

#include "norm.cuh"

// A block's sums of x - shift and its square for channel y; shift is the channel's first number, which
// keeps the variance of large numbers.
extern "C" __global__ void sam_moments(const T* x, const Planes planes, Two* sums) {
    const unsigned c = blockIdx.y;
    const double shift = x[c * planes.channel];
    Two sum = {0, 0};
    numbers(planes, blockIdx.x, gridDim.x, [&](unsigned i) {
        const double v = x[planes.at(c, i)] - shift;
        sum.first += v;
        sum.second += v * v;
    });
    sum = together(sum);
    if (threadIdx.x == 0) sums[c * gridDim.x + blockIdx.x] = sum;
}

struct NormForward {
    const T *x, *scale, *bias, *residual;
    T* y;
    // Null where the moments are given.
    const Two* sums;
    T *mean, *variance;
    // The running ones before and after this batch; null where there are none.
    const T *mean_before, *variance_before;
    T *mean_after, *variance_after;
    double keep, take_mean, take_variance;
    double epsilon;
    Planes planes;
    unsigned parts, relu;
};

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias (+ residual), and ReLU.
extern "C" __global__ void sam_normalize(const NormForward f) {
    const unsigned c = blockIdx.y;
    const Planes& planes = f.planes;
    T mean, inverse;
    if (f.sums) {
        const Two sum = of_all_parts(f.sums, c, f.parts);
        const double count = planes.count();
        const double off = sum.first / count, spread = sum.second / count - off * off;
        mean = (T)((double)f.x[c * planes.channel] + off);
        const T variance = (T)(spread < 0 ? 0 : spread);
        inverse = (T)(1.0 / sqrt((double)variance + f.epsilon));
        if (blockIdx.x == 0 && threadIdx.x == 0) {
            f.mean[c] = mean;
            f.variance[c] = variance;
            if (f.mean_after) {
                f.mean_after[c] = (T)f.keep * f.mean_before[c] + (T)f.take_mean * mean;
                f.variance_after[c] = (T)f.keep * f.variance_before[c] + (T)f.take_variance * variance;
            }
        }
    } else {
        mean = f.mean ? f.mean[c] : T(0);
        inverse = inverse_of(f.variance, c, f.epsilon);
    }
    const T scale = f.scale ? f.scale[c] : T(1), bias = f.bias ? f.bias[c] : T(0);
    numbers(planes, blockIdx.x, gridDim.x, [&](unsigned i) {
        const unsigned to = planes.dense(c, i);
        T v = (f.x[planes.at(c, i)] - mean) * inverse * scale + bias;
        if (f.residual) v += f.residual[to];
        // As dfdx's: NaN stays NaN.
        f.y[to] = f.relu && v < T(0) ? T(0) : v;
    });
}

// A block's sums of the gradient, and of the gradient times the normalized number, for channel y; the
// residual gets its gradient on the way. `y` is given where ReLU followed.
extern "C" __global__ void sam_norm_sums(const NormBack b) {
    const unsigned c = blockIdx.y;
    const T mean = b.mean ? b.mean[c] : T(0), inverse = inverse_of(b.variance, c, b.epsilon);
    Two sum = {0, 0};
    numbers(b.planes, blockIdx.x, gridDim.x, [&](unsigned i) {
        const unsigned at = b.planes.dense(c, i);
        const T d = behind(b.d_y, b.y, at);
        sum.first += d;
        if (b.x) sum.second += (double)d * (double)((b.x[b.planes.at(c, i)] - mean) * inverse);
        if (b.d_residual) b.d_residual[at] += d;
    });
    sum = together(sum);
    if (threadIdx.x == 0) b.sums[c * gridDim.x + blockIdx.x] = sum;
}

extern "C" __global__ void sam_norm_back(const NormBack b) { norm_back(b, blockIdx.y, blockIdx.x, gridDim.x); }
