// What layers compute, forwards and backwards. Tensors are dense: (batch, channels, positions).
//
// Backward kernels add to gradients. Each element is written by one thread, which adds in one order: the
// same bits each time, and no atomic operations.

#include "kernels.cuh"

// `Sliding` in launch.rs: a window that moves over images.
struct Sliding {
    unsigned channels, height, width;
    // Of the output.
    unsigned down, across;
    unsigned size, stride, padding, dilation;
};

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

// The values of a block's threads, put together; the first thread gets it.
struct Two {
    double first, second;
};

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
    return values[0];
}

// ---- Convolution: the windows of some images side by side, as the columns of a matrix for each image.

// The pixel that a place of the output sees with a tap; false where that is padding.
__device__ bool seen(const Sliding& s, unsigned place, unsigned tap, unsigned* pixel) {
    const unsigned y = place / s.across * s.stride + tap / s.size * s.dilation;
    const unsigned x = place % s.across * s.stride + tap % s.size * s.dilation;
    if (y < s.padding || x < s.padding) return false;
    if (y - s.padding >= s.height || x - s.padding >= s.width) return false;
    *pixel = (y - s.padding) * s.width + x - s.padding;
    return true;
}

// columns: (images, channels * taps, places).
extern "C" __global__ void sam_im2col(const T* x, T* columns, Sliding s, unsigned images) {
    const unsigned places = s.down * s.across, taps = s.size * s.size;
    each(images, places, [&](unsigned n, unsigned row, unsigned place) {
        unsigned pixel;
        T value = 0;
        if (seen(s, place, row % taps, &pixel)) {
            value = x[((u64)n * s.channels + row / taps) * s.height * s.width + pixel];
        }
        columns[((u64)n * s.channels * taps + row) * places + place] = value;
    });
}

// Calls `f(place, tap)` for each place that sees `pixel`, and the tap with which it does.
template <typename F> __device__ void seers(const Sliding& s, unsigned pixel, F f) {
    const unsigned y = pixel / s.width + s.padding, x = pixel % s.width + s.padding;
    for (unsigned j = 0; j < s.size && j * s.dilation <= y; j++) {
        const unsigned from_y = y - j * s.dilation;
        if (from_y % s.stride != 0 || from_y / s.stride >= s.down) continue;
        for (unsigned i = 0; i < s.size && i * s.dilation <= x; i++) {
            const unsigned from_x = x - i * s.dilation;
            if (from_x % s.stride != 0 || from_x / s.stride >= s.across) continue;
            f(from_y / s.stride * s.across + from_x / s.stride, j * s.size + i);
        }
    }
}

extern "C" __global__ void sam_col2im(const T* columns, T* d_x, Sliding s, unsigned images) {
    const unsigned places = s.down * s.across, taps = s.size * s.size, pixels = s.height * s.width;
    each(images, pixels, [&](unsigned n, unsigned channel, unsigned pixel) {
        const T* of = columns + ((u64)n * s.channels + channel) * taps * places;
        T sum = 0;
        seers(s, pixel, [&](unsigned place, unsigned tap) { sum += of[(u64)tap * places + place]; });
        d_x[((u64)n * s.channels + channel) * pixels + pixel] += sum;
    });
}

// to += the sum over `count` vectors that follow each other.
extern "C" __global__ void sam_add_up(const T* vectors, u64 len, unsigned count, T* to) {
    all(len, [&](u64 i) {
        T sum = 0;
        for (unsigned n = 0; n < count; n++) sum += vectors[n * len + i];
        to[i] += sum;
    });
}

// ---- Normalization.

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

// The gradient behind ReLU, from what was put out.
__device__ T behind(const T* d_y, const T* y, u64 i) { return y && !(y[i] > T(0)) ? T(0) : d_y[i]; }

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

// ---- Linear layers: (batch, features).

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

// ---- Pools.

// The largest that a place sees, and its tap: the first of several, and NaN is larger than all else.
__device__ T largest(const Sliding& s, const T* image, unsigned place, unsigned* tap) {
    T best = 0;
    bool any = false;
    for (unsigned t = 0; t < s.size * s.size; t++) {
        unsigned pixel;
        if (!seen(s, place, t, &pixel)) continue;
        const T v = image[pixel];
        if (!any || v > best || (v != v && best == best)) {
            best = v;
            *tap = t;
            any = true;
        }
    }
    return best;
}

extern "C" __global__ void sam_pool(const T* x, T* y, Sliding s, bool max, unsigned batch) {
    const unsigned places = s.down * s.across;
    each(batch, places, [&](unsigned n, unsigned c, unsigned place) {
        const T* image = x + ((u64)n * s.channels + c) * s.height * s.width;
        T value = 0;
        unsigned at;
        if (max) {
            value = largest(s, image, place, &at);
        } else {
            for (unsigned t = 0; t < s.size * s.size; t++) {
                if (seen(s, place, t, &at)) value += image[at];
            }
            value /= (T)(s.size * s.size);
        }
        y[((u64)n * s.channels + c) * places + place] = value;
    });
}

extern "C" __global__ void sam_pool_back(const T* d_y, const T* x, T* d_x, Sliding s, bool max, unsigned batch) {
    const unsigned places = s.down * s.across, pixels = s.height * s.width;
    each(batch, pixels, [&](unsigned n, unsigned c, unsigned pixel) {
        const u64 image = (u64)n * s.channels + c;
        T sum = 0;
        seers(s, pixel, [&](unsigned place, unsigned tap) {
            const T d = d_y[image * places + place];
            if (max) {
                unsigned at = 0;
                largest(s, x + image * pixels, place, &at);
                if (at == tap) sum += d;
            } else {
                sum += d / (T)(s.size * s.size);
            }
        });
        d_x[image * pixels + pixel] += sum;
    });
}

// A block for each channel of each image.
extern "C" __global__ void sam_mean(const T* x, T* y, unsigned positions) {
    Two sum = {0, 0};
    for (unsigned p = threadIdx.x; p < positions; p += THREADS) sum.first += x[(u64)blockIdx.x * positions + p];
    sum = together(sum);
    if (threadIdx.x == 0) y[blockIdx.x] = (T)(sum.first / positions);
}

extern "C" __global__ void sam_mean_back(const T* d_y, T* d_x, u64 len, unsigned positions) {
    all(len, [&](u64 i) { d_x[i] += d_y[i / positions] / (T)positions; });
}

// ---- Every stride-th pixel, between channels of zeros. `s.channels` are those of x.

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
