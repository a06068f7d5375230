// Loads and stores: vectors, local arrays, constants, calls, and accesses that go astray.
struct Six { short a; double b; int c[3]; };

extern "C" __global__ void vectors(unsigned n, const float4 *a, const double2 *b, float4 *out, double2 *wide) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float4 v = __ldg(a + i);
    out[i] = make_float4(v.w, v.z, v.y, v.x);
    double2 d = b[i];
    wide[i] = make_double2(d.y + v.x, d.x);
}

__constant__ float table[4] = {1, 10, 100, 1000};
__device__ int counter = 5;

extern "C" __global__ void spaces(unsigned n, const unsigned *pick, struct Six six, float *out) {
    unsigned i = threadIdx.x;
    float own[8];
    for (int k = 0; k < 8; k++) own[k] = table[k & 3] + k * six.c[k % 3];
    // The index is known only when it runs, so `own` lies in local memory.
    out[i] = own[pick[i] & 7] + six.a + (float)six.b + counter;
}

__device__ __noinline__ double power(double x, unsigned by) {
    return by == 0 ? 1.0 : x * power(x, by - 1);
}

extern "C" __global__ void calls(const double *in, double *out) {
    out[threadIdx.x] = power(in[threadIdx.x], threadIdx.x);
}

extern "C" __global__ void astray(float *out, long long by) {
    out[threadIdx.x + by] = 1;
}

extern "C" __global__ void copy(unsigned n, const float *in, float *out) {
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) out[i] = in[i];
}

extern "C" __global__ void bytes(const signed char *in, short *out) {
    unsigned i = threadIdx.x;
    out[i] = in[i] * 3;
}

extern "C" __global__ void choose(const unsigned *in, unsigned *out) {
    unsigned i = threadIdx.x, x = in[i];
    switch (x) {
        case 0: out[i] = x + 11; break;
        case 1: out[i] = x * 13 ^ i; break;
        case 2: out[i] = i - x; break;
        case 3: out[i] = x << i % 5; break;
        case 4: out[i] = i * i; break;
        case 5: out[i] = ~i; break;
        default: out[i] = 1000;
    }
}

extern "C" __global__ void endless(unsigned *out) {
    while (atomicAdd(out, 0u) == 0) {}
}
