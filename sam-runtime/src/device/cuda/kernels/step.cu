// What a SAM step does with all parameters at once: norms, perturbations, sums. Eq. 2 of the paper.
//
// A launch takes up to SPANS stretches of memory; blockIdx.y is the stretch. Every sum is put together
// in one order, so that a step gives the same bits each time. What a launch finds (a norm, whether it was
// finite) stays in the memory of the device, where the next launch reads it: the host waits for nothing.

typedef unsigned long long u64;

constexpr int SPANS = 96;
constexpr int THREADS = 256;

// `SpanTable` in spans.rs.
struct Spans {
    u64 a[SPANS], b[SPANS], to[SPANS], len[SPANS];
    // The number of elements in the stretches before.
    u64 start[SPANS];
};

// The numbers of a dual norm, `record` in step.rs: with M = max |g| and a = |g| / M,
// ||g||_q = M (sum a^q)^(1/q), and e = rho sign(g) a^(q-1) / (sum a^q)^(1/p).
enum Record { SCALE, SUM, VALUE, DENOMINATOR, FIRST };

// What a launch reads and writes at once.
template <typename T> struct alignas(16) Pack {
    T at[16 / sizeof(T)];
};

// Calls `f(i)` for the elements of this thread.
template <typename F> __device__ void each(u64 len, F f) {
    const u64 stride = (u64)gridDim.x * blockDim.x;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < len; i += stride) f(i);
}

// to[i] = f(to[i], a[i], b[i]); a stretch that is not there is not read, and a zero for `f`.
template <bool READ, typename T, typename F> __device__ void map(const Spans& spans, F f) {
    const int at = blockIdx.y;
    const T* a = (const T*)spans.a[at];
    const T* b = (const T*)spans.b[at];
    T* to = (T*)spans.to[at];
    const u64 len = spans.len[at];
    constexpr int N = 16 / sizeof(T);
    const bool aligned = ((spans.a[at] | spans.b[at] | spans.to[at]) & 15) == 0;
    const u64 packs = aligned ? len / N : 0;
    each(packs, [&](u64 i) {
        Pack<T> x = {}, y = {}, z = {};
        if (READ) x = ((Pack<T>*)to)[i];
        if (a) y = ((const Pack<T>*)a)[i];
        if (b) z = ((const Pack<T>*)b)[i];
        for (int k = 0; k < N; k++) x.at[k] = f(x.at[k], y.at[k], z.at[k]);
        ((Pack<T>*)to)[i] = x;
    });
    each(len - packs * N, [&](u64 rest) {
        const u64 i = packs * N + rest;
        to[i] = f(READ ? to[i] : T(0), a ? a[i] : T(0), b ? b[i] : T(0));
    });
}

// Calls `f(i, g[i])` for the elements of this thread.
template <typename T, typename F> __device__ void read(const Spans& spans, F f) {
    const T* g = (const T*)spans.a[blockIdx.y];
    const u64 len = spans.len[blockIdx.y];
    constexpr int N = 16 / sizeof(T);
    const u64 packs = (spans.a[blockIdx.y] & 15) == 0 ? len / N : 0;
    each(packs, [&](u64 i) {
        const Pack<T> x = ((const Pack<T>*)g)[i];
        for (int k = 0; k < N; k++) f(i * N + k, x.at[k]);
    });
    each(len - packs * N, [&](u64 rest) { f(packs * N + rest, g[packs * N + rest]); });
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
template <typename T> __device__ void sums(const Spans& spans, double q, const double* record, double* sums, unsigned first) {
    double sum = 0.0;
    if (record) {
        const double scale = record[SCALE];
        read<T>(spans, [&](u64, T g) { sum += power(fabs((double)g) / scale, q); });
    } else {
        read<T>(spans, [&](u64, T g) { sum += power(fabs((double)g), q); });
    }
    sum = together(sum, added);
    if (threadIdx.x == 0) sums[first + blockIdx.y * gridDim.x + blockIdx.x] = sum;
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
template <typename T> __device__ void maxima(const Spans& spans, Extreme* maxima, unsigned first) {
    const u64 start = spans.start[blockIdx.y];
    Extreme max = {0.0, ~0ull};
    read<T>(spans, [&](u64 i, T g) { max = larger(max, {fabs((double)g), start + i}); });
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

// Ends a norm; with q = inf there are no sums. `verdict` and `seen`, where they are given, note a norm
// that is not finite: `verdict` for this step, `seen` until somebody looks.
extern "C" __global__ void sam_finish_sums(
    const double* sums, unsigned count, double p, double q, bool scaled, double* record,
    double* verdict, double* seen, double pass
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
    if (verdict && !isfinite(value)) {
        if (verdict[0] == 0.0) {
            verdict[0] = pass;
            if (seen[0] == 0.0) {
                seen[0] = pass;
                seen[1] = value;
            }
            seen[2] += 1.0;
        }
    }
}

// e, where rho / denominator can be trusted to be a number of type T; else by way of double.
template <typename T> __device__ bool fits(double factor) {
    return sizeof(T) == 8 || (factor > 1e-30 && factor < 1e30);
}

// to = a + e, for weights a (zeros where there are none) and their gradients b.
template <typename T> __device__ void perturb(const Spans& spans, const double* record, double q, double rho) {
    const double scale = record[SCALE], factor = rho / record[DENOMINATOR];
    if (record[VALUE] == 0.0) {
        map<false, T>(spans, [](T, T w, T) { return w; });
    } else if (q == 2.0 && scale == 1.0 && fits<T>(factor)) {
        const T narrow = (T)factor;
        map<false, T>(spans, [=](T, T w, T g) { return w + narrow * g; });
    } else if (q == 2.0) {
        // Not `factor / scale`, which overflows where the gradient is subnormal.
        map<false, T>(spans, [=](T, T w, T g) { return w + (T)(factor * ((double)g / scale)); });
    } else if (q == 1.0) {
        const T step = (T)rho;
        map<false, T>(spans, [=](T, T w, T g) { return g == T(0) ? w : w + (g > T(0) ? step : g < T(0) ? -step : g); });
    } else {
        map<false, T>(spans, [=](T, T w, T g) {
            return w + (T)copysign(factor * pow(fabs((double)g) / scale, q - 1.0), (double)g);
        });
    }
}

// The same for q = inf: the whole of rho goes to the first element with |g| = max |g|.
template <typename T> __device__ void perturb_one(const Spans& spans, const double* record, double rho) {
    const int at = blockIdx.y;
    const T* w = (const T*)spans.a[at];
    const T* g = (const T*)spans.b[at];
    T* to = (T*)spans.to[at];
    const u64 chosen = (u64)__double_as_longlong(record[FIRST]);
    const bool zero = record[VALUE] == 0.0;
    each(spans.len[at], [&](u64 i) {
        const T from = w ? w[i] : T(0);
        const T gradient = g[i];
        const bool here = !zero && spans.start[at] + i == chosen;
        to[i] = here ? from + (gradient < T(0) ? -(T)rho : (T)rho) : from;
    });
}

// to *= bound / norm, where the norm is larger than the bound.
template <typename T> __device__ void shrink(const Spans& spans, const double* record, double bound) {
    const double norm = record[VALUE];
    if (!(isfinite(norm) && norm > bound)) return;
    const double factor = bound / norm;
    map<true, T>(spans, [=](T x, T, T) { return (T)(factor * (double)x); });
}

template <typename T> __device__ T clamped(T x, T bound) { return x > bound ? bound : x < -bound ? -bound : x; }

#define KERNELS(T, NAME) \
extern "C" __global__ void sam_sums_##NAME(const Spans s, double q, const double* record, double* out, unsigned first) { sums<T>(s, q, record, out, first); } \
extern "C" __global__ void sam_maxima_##NAME(const Spans s, Extreme* out, unsigned first) { maxima<T>(s, out, first); } \
extern "C" __global__ void sam_perturb_##NAME(const Spans s, const double* record, double q, double rho) { perturb<T>(s, record, q, rho); } \
extern "C" __global__ void sam_perturb_one_##NAME(const Spans s, const double* record, double rho) { perturb_one<T>(s, record, rho); } \
extern "C" __global__ void sam_shrink_##NAME(const Spans s, const double* record, double bound) { shrink<T>(s, record, bound); } \
extern "C" __global__ void sam_clamp_##NAME(const Spans s, T bound) { map<true, T>(s, [=](T x, T, T) { return clamped<T>(x, bound); }); } \
extern "C" __global__ void sam_copy_##NAME(const Spans s) { map<false, T>(s, [](T, T a, T) { return a; }); } \
extern "C" __global__ void sam_add_##NAME(const Spans s, T weight) { map<true, T>(s, [=](T x, T a, T) { return x + weight * a; }); } \
extern "C" __global__ void sam_restore_##NAME(const Spans s, const double* verdict) { if (verdict[0] != 0.0) map<false, T>(s, [](T, T a, T) { return a; }); } \
extern "C" __global__ void sam_choose_##NAME(const Spans s, const double* verdict) { const bool first = verdict[0] != 0.0; map<false, T>(s, [=](T, T a, T b) { return first ? a : b; }); }

KERNELS(float, f32)
KERNELS(double, f64)
