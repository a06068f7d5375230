// The algebra of parameter-sized vectors: norms, perturbations, sums. Eq. 2 of the paper.
//
// A launch takes up to RANGES ranges of memory, each what one tensor holds of the vectors x, y and z;
// blockIdx.y is the range. Every sum is put together in one order, so that a step gives the same bits each
// time. What a launch finds (a norm, whether it was finite) stays in the memory of the device, where the next
// launch reads it: the host waits for nothing.

#include "kernels.cuh"

constexpr int RANGES = 96;

// `RangeTable` in ranges.rs. The addresses of what is not there are 0.
struct Ranges {
    u64 x[RANGES], y[RANGES], z[RANGES], len[RANGES];
    // The number of elements in the ranges before.
    u64 start[RANGES];
};

// The numbers of a dual norm, `DualNorm` on a device: with M = max |g| and a = |g| / M,
// ||g||_q = M (sum a^q)^(1/q), and e = rho sign(g) a^(q-1) / (sum a^q)^(1/p).
enum Record { SCALE, SUM, VALUE, DENOMINATOR, FIRST };

// What a launch reads and writes at once.
struct alignas(16) Pack {
    T at[16 / sizeof(T)];
};

// Calls `f(i)` for the elements of this thread.
template <typename F> __device__ void each(u64 len, F f) {
    const u64 stride = (u64)gridDim.x * blockDim.x;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < len; i += stride) f(i);
}

// x[i] = f(x[i], y[i], z[i]); a vector that is not there is not read, and a zero for `f`.
template <bool READ, typename F> __device__ void map(const Ranges& ranges, F f) {
    const int at = blockIdx.y;
    T* x = (T*)ranges.x[at];
    const T* y = (const T*)ranges.y[at];
    const T* z = (const T*)ranges.z[at];
    const u64 len = ranges.len[at];
    constexpr int N = 16 / sizeof(T);
    const bool aligned = ((ranges.x[at] | ranges.y[at] | ranges.z[at]) & 15) == 0;
    const u64 packs = aligned ? len / N : 0;
    each(packs, [&](u64 i) {
        Pack a = {}, b = {}, c = {};
        if (READ) a = ((Pack*)x)[i];
        if (y) b = ((const Pack*)y)[i];
        if (z) c = ((const Pack*)z)[i];
        for (int k = 0; k < N; k++) a.at[k] = f(a.at[k], b.at[k], c.at[k]);
        ((Pack*)x)[i] = a;
    });
    each(len - packs * N, [&](u64 rest) {
        const u64 i = packs * N + rest;
        x[i] = f(READ ? x[i] : T(0), y ? y[i] : T(0), z ? z[i] : T(0));
    });
}

// Calls `f(i, x[i])` for the elements of this thread.
template <typename F> __device__ void read(const Ranges& ranges, F f) {
    const T* x = (const T*)ranges.x[blockIdx.y];
    const u64 len = ranges.len[blockIdx.y];
    constexpr int N = 16 / sizeof(T);
    const u64 packs = (ranges.x[blockIdx.y] & 15) == 0 ? len / N : 0;
    each(packs, [&](u64 i) {
        const Pack pack = ((const Pack*)x)[i];
        for (int k = 0; k < N; k++) f(i * N + k, pack.at[k]);
    });
    each(len - packs * N, [&](u64 rest) { f(packs * N + rest, x[packs * N + rest]); });
}

// The values of a block's threads, put together by `join`; the first thread gets it.
template <typename V, typename J> __device__ V together(V value, J join) {
    __shared__ V values[THREADS];
    values[threadIdx.x] = value;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) values[threadIdx.x] = join(values[threadIdx.x], values[threadIdx.x + half]);
    }
    return values[0];
}

__device__ double added(double a, double b) { return a + b; }

__device__ double power(double a, double q) { return q == 2.0 ? a * a : q == 1.0 ? a : pow(a, q); }

// One sum of |g|^q for each block. With a `record`, |g| is divided by its scale first: no power then
// overflows, and none of the largest is lost.
extern "C" __global__ void sam_sums(const Ranges ranges, double q, const double* record, double* sums, unsigned first) {
    double sum = 0.0;
    if (record) {
        const double scale = record[SCALE];
        read(ranges, [&](u64, T g) { sum += power(fabs((double)g) / scale, q); });
    } else {
        read(ranges, [&](u64, T g) { sum += power(fabs((double)g), q); });
    }
    sum = together(sum, added);
    if (threadIdx.x == 0) sums[first + blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

// One sum of x y for each block; without y, of x x.
extern "C" __global__ void sam_products(const Ranges ranges, double* sums, unsigned first) {
    const T* y = (const T*)ranges.y[blockIdx.y];
    double sum = 0.0;
    read(ranges, [&](u64 i, T x) { sum += (double)x * (double)(y ? y[i] : x); });
    sum = together(sum, added);
    if (threadIdx.x == 0) sums[first + blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

extern "C" __global__ void sam_finish_products(const double* sums, unsigned count, double* product) {
    double sum = 0.0;
    for (unsigned i = threadIdx.x; i < count; i += THREADS) sum += sums[i];
    sum = together(sum, added);
    if (threadIdx.x == 0) product[0] = sum;
}

// The largest |g|, and where it is; NaN is larger than all else, and of equal ones the first counts.
struct Extreme {
    double value;
    u64 at;
};

__device__ Extreme larger(Extreme a, Extreme b) {
    const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    const bool first = a.at <= b.at;
    if (nan_a || nan_b) return nan_a && (!nan_b || first) ? a : b;
    if (a.value != b.value) return a.value > b.value ? a : b;
    return first ? a : b;
}

// One extreme for each block.
extern "C" __global__ void sam_maxima(const Ranges ranges, Extreme* maxima, unsigned first) {
    const u64 start = ranges.start[blockIdx.y];
    Extreme max = {0.0, ~0ull};
    read(ranges, [&](u64 i, T g) { max = larger(max, {fabs((double)g), start + i}); });
    max = together(max, larger);
    if (threadIdx.x == 0) maxima[first + blockIdx.y * gridDim.x + blockIdx.x] = max;
}

extern "C" __global__ void sam_finish_maxima(const Extreme* maxima, unsigned count, double* record) {
    Extreme max = {0.0, ~0ull};
    for (unsigned i = threadIdx.x; i < count; i += THREADS) max = larger(max, maxima[i]);
    max = together(max, larger);
    if (threadIdx.x == 0) {
        record[SCALE] = max.value;
        record[FIRST] = __longlong_as_double((long long)max.at);
    }
}

// Ends a norm; with q = inf there are no sums. `step` and `since`, where they are given, note a norm that is
// not finite: `step` for this step, `since` until the host looks.
extern "C" __global__ void sam_finish_sums(
    const double* sums, unsigned count, double p, double q, bool scaled, double* record,
    double* step, double* since, double pass
) {
    double sum = 0.0;
    for (unsigned i = threadIdx.x; i < count; i += THREADS) sum += sums[i];
    sum = together(sum, added);
    if (threadIdx.x != 0) return;
    if (!scaled) record[SCALE] = 1.0;
    const double scale = record[SCALE];
    if (isinf(q) || scale == 0.0 || !isfinite(scale)) sum = 1.0;
    record[SUM] = sum;
    const double value = scale * (isinf(q) ? 1.0 : pow(sum, 1.0 / q));
    record[VALUE] = value;
    record[DENOMINATOR] = pow(sum, 1.0 / p);
    if (step && !isfinite(value) && step[0] == 0.0) {
        step[0] = pass;
        if (since[0] == 0.0) {
            since[0] = pass;
            since[1] = value;
        }
        since[2] += 1.0;
    }
}

// e, where rho / denominator can be trusted to be a number of type T; else by way of double.
__device__ bool fits(double factor) {
    return sizeof(T) == 8 || (factor > 1e-30 && factor < 1e30);
}

// x = y + e, for weights y (zeros where there are none) and their gradients z.
extern "C" __global__ void sam_perturb(const Ranges ranges, const double* record, double q, double rho) {
    const double scale = record[SCALE], factor = rho / record[DENOMINATOR];
    if (record[VALUE] == 0.0) {
        map<false>(ranges, [](T, T w, T) { return w; });
    } else if (q == 2.0 && scale == 1.0 && fits(factor)) {
        const T narrow = (T)factor;
        map<false>(ranges, [=](T, T w, T g) { return w + narrow * g; });
    } else if (q == 2.0) {
        // Not `factor / scale`, which overflows where the gradient is subnormal.
        map<false>(ranges, [=](T, T w, T g) { return w + (T)(factor * ((double)g / scale)); });
    } else if (q == 1.0) {
        const T step = (T)rho;
        map<false>(ranges, [=](T, T w, T g) { return g == T(0) ? w : w + (g > T(0) ? step : g < T(0) ? -step : g); });
    } else {
        map<false>(ranges, [=](T, T w, T g) {
            const double size = factor * pow(fabs((double)g) / scale, q - 1.0);
            return w + (T)(g < T(0) ? -size : size);
        });
    }
}

// The same for q = inf: the whole of rho goes to the first element with |g| = max |g|.
extern "C" __global__ void sam_perturb_one(const Ranges ranges, const double* record, double rho) {
    const int at = blockIdx.y;
    T* x = (T*)ranges.x[at];
    const T* w = (const T*)ranges.y[at];
    const T* g = (const T*)ranges.z[at];
    const u64 chosen = (u64)__double_as_longlong(record[FIRST]);
    const bool zero = record[VALUE] == 0.0;
    each(ranges.len[at], [&](u64 i) {
        const T from = w ? w[i] : T(0);
        const T gradient = g[i];
        const bool here = !zero && ranges.start[at] + i == chosen;
        x[i] = here ? from + (gradient < T(0) ? -(T)rho : (T)rho) : from;
    });
}

// A number of a linear combination: see `Coefficient` in scalars.rs. What is not there is null.
struct Coefficient {
    double factor;
    const double *times, *over;

    __device__ double value() const {
        if (over && *over == 0.0) return 0.0;
        return factor * (times ? *times : 1.0) / (over ? *over : 1.0);
    }
};

// x = keep x + add y; without y, x = keep x.
extern "C" __global__ void sam_axpby(const Ranges ranges, Coefficient keep, Coefficient add) {
    const T k = (T)keep.value(), a = (T)add.value();
    if (k == T(0)) {
        map<false>(ranges, [=](T, T y, T) { return a == T(0) ? T(0) : a * y; });
    } else if (a == T(0)) {
        map<true>(ranges, [=](T x, T, T) { return k * x; });
    } else if (k == T(1)) {
        map<true>(ranges, [=](T x, T y, T) { return x + a * y; });
    } else {
        map<true>(ranges, [=](T x, T y, T) { return k * x + a * y; });
    }
}

// x *= bound / norm, where the norm is larger than the bound.
extern "C" __global__ void sam_shrink(const Ranges ranges, const double* norm, double bound) {
    if (!(isfinite(*norm) && *norm > bound)) return;
    const double factor = bound / *norm;
    map<true>(ranges, [=](T x, T, T) { return (T)(factor * (double)x); });
}

// x = x (|y| + eta), for weights y.
extern "C" __global__ void sam_scale_by_size(const Ranges ranges, double eta) {
    map<true>(ranges, [=](T x, T w, T) { return (T)((double)x * (fabs((double)w) + eta)); });
}

extern "C" __global__ void sam_sum(const Ranges ranges) {
    map<false>(ranges, [](T, T y, T z) { return y + z; });
}

__device__ T clamped(T x, T bound) { return x > bound ? bound : x < -bound ? -bound : x; }

extern "C" __global__ void sam_clamp(const Ranges ranges, T bound) {
    map<true>(ranges, [=](T x, T, T) { return clamped(x, bound); });
}

// x = y where a gradient of the step was not finite, else x = z; without z, x stays.
extern "C" __global__ void sam_choose(const Ranges ranges, const double* step) {
    const bool first = *step != 0.0;
    if (!first && !ranges.z[blockIdx.y]) return;
    map<false>(ranges, [=](T, T y, T z) { return first ? y : z; });
}
