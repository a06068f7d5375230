// Batch normalization.

#include "layers.cuh"

// A block's sums of x - shift and its square for channel y; shift is the channel's first number, which
// keeps the variance of large numbers.
extern "C" __global__ void sam_moments(const T* x, unsigned batch, unsigned channels, unsigned positions, Two* sums) {
    const unsigned c = blockIdx.y;
    const double shift = x[(u64)c * positions];
    Two sum = {0, 0};
    all((u64)batch * positions, [&](u64 i) {
        const double v = x[(i / positions * channels + c) * positions + i % positions] - shift;
        sum.first += v;
        sum.second += v * v;
    });
    sum = together(sum);
    if (threadIdx.x == 0) sums[c * gridDim.x + blockIdx.x] = sum;
}

// All sums of channel x, put together.
__device__ Two whole(const Two* sums, unsigned each) {
    Two sum = {0, 0};
    for (unsigned i = threadIdx.x; i < each; i += THREADS) {
        sum.first += sums[blockIdx.x * each + i].first;
        sum.second += sums[blockIdx.x * each + i].second;
    }
    return together(sum);
}

extern "C" __global__ void sam_finish_moments(const Two* sums, unsigned each, const T* x, u64 positions, double count, T* mean, T* variance) {
    const Two sum = whole(sums, each);
    if (threadIdx.x != 0) return;
    const double off = sum.first / count, variance_here = sum.second / count - off * off;
    mean[blockIdx.x] = (T)((double)x[blockIdx.x * positions] + off);
    variance[blockIdx.x] = (T)(variance_here < 0 ? 0 : variance_here);
}

// What a channel is normalized by.
struct Line {
    T mean, inverse, scale, bias;
};

__device__ Line line(unsigned c, const T* mean, const T* variance, const T* scale, const T* bias, double epsilon) {
    return {
        mean ? mean[c] : T(0),
        variance ? (T)(1.0 / sqrt((double)variance[c] + epsilon)) : T(1),
        scale ? scale[c] : T(1),
        bias ? bias[c] : T(0),
    };
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias (+ residual), and ReLU.
extern "C" __global__ void sam_normalize(
    const T* x, const T* mean, const T* variance, const T* scale, const T* bias, double epsilon,
    const T* residual, T* y, bool relu, unsigned batch, unsigned channels, unsigned positions
) {
    const Line l = line(blockIdx.y, mean, variance, scale, bias, epsilon);
    each(batch, positions, [&](unsigned n, unsigned c, unsigned p) {
        const u64 i = ((u64)n * channels + c) * positions + p;
        T v = (x[i] - l.mean) * l.inverse * l.scale + l.bias;
        if (residual) v += residual[i];
        // As dfdx's: NaN stays NaN.
        y[i] = relu && v < T(0) ? T(0) : v;
    });
}

// A block's sums of the gradient, and of the gradient times the normalized number, for channel y; the
// residual gets its gradient on the way. `y` is given where ReLU followed.
extern "C" __global__ void sam_norm_sums(
    const T* d_y, const T* y, const T* x, const T* mean, const T* variance, double epsilon, T* d_residual,
    unsigned batch, unsigned channels, unsigned positions, Two* sums
) {
    const unsigned c = blockIdx.y;
    const Line l = line(c, mean, variance, nullptr, nullptr, epsilon);
    Two sum = {0, 0};
    all((u64)batch * positions, [&](u64 at) {
        const u64 i = (at / positions * channels + c) * positions + at % positions;
        const T d = behind(d_y, y, i);
        sum.first += d;
        if (x) sum.second += (double)d * (double)((x[i] - l.mean) * l.inverse);
        if (d_residual) d_residual[i] += d;
    });
    sum = together(sum);
    if (threadIdx.x == 0) sums[c * gridDim.x + blockIdx.x] = sum;
}

// Puts a channel's sums together, into the first of them; and into the gradients of bias and scale.
extern "C" __global__ void sam_finish_norm_sums(Two* sums, unsigned each, T* d_bias, T* d_scale, Two* channel) {
    const Two sum = whole(sums, each);
    if (threadIdx.x != 0) return;
    channel[blockIdx.x] = sum;
    d_bias[blockIdx.x] += (T)sum.first;
    if (d_scale) d_scale[blockIdx.x] += (T)sum.second;
}

// d_x += what comes back through a normalization; `sums` where its moments were the batch's own.
extern "C" __global__ void sam_norm_back(
    const T* d_y, const T* y, const T* x, const T* mean, const T* variance, const T* scale, double epsilon,
    const Two* sums, T* d_x, unsigned batch, unsigned channels, unsigned positions
) {
    const unsigned channel = blockIdx.y;
    const Line l = line(channel, mean, variance, scale, nullptr, epsilon);
    const double count = (double)batch * positions;
    const T mean_d = sums ? (T)(sums[channel].first / count) : T(0);
    const T mean_product = sums ? (T)(sums[channel].second / count) : T(0);
    each(batch, positions, [&](unsigned n, unsigned c, unsigned p) {
        const u64 i = ((u64)n * channels + c) * positions + p;
        T d = behind(d_y, y, i);
        if (sums) d -= mean_d + (x[i] - l.mean) * l.inverse * mean_product;
        d_x[i] += d * l.inverse * l.scale;
    });
}
