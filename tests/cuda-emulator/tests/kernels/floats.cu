// The functions that nvcc inlines, in both widths: `out` has 16 numbers for each argument.
#define FUNCTIONS(NAME, T, EXP, LOG, POW, SIN, COS, TANH, ERF, SQRT, RSQRT, LOG1P, EXPM1, CBRT, FMOD, COPYSIGN) \
extern "C" __global__ void NAME(unsigned n, const T *a, const T *b, T *out) { \
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x; \
    if (i >= n) return; \
    T x = a[i], y = b[i]; \
    T *o = out + i * 16; \
    o[0] = EXP(x); \
    o[1] = LOG(x); \
    o[2] = POW(x, y); \
    o[3] = SIN(x); \
    o[4] = COS(x); \
    o[5] = TANH(x); \
    o[6] = ERF(x); \
    o[7] = SQRT(x); \
    o[8] = RSQRT(x); \
    o[9] = LOG1P(x); \
    o[10] = EXPM1(x); \
    o[11] = CBRT(x); \
    o[12] = x / y; \
    o[13] = FMOD(x, y); \
    o[14] = COPYSIGN(x, y); \
    o[15] = x != x ? y : (x < y ? x * y : x - y); \
}
FUNCTIONS(functions32, float, expf, logf, powf, sinf, cosf, tanhf, erff, sqrtf, rsqrtf, log1pf, expm1f, cbrtf, fmodf, copysignf)
FUNCTIONS(functions64, double, exp, log, pow, sin, cos, tanh, erf, sqrt, rsqrt, log1p, expm1, cbrt, fmod, copysign)

// Directed roundings.
extern "C" __global__ void roundings(unsigned n, const float *a, const double *d, float *out, double *wide) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float x = a[i], y = a[(i + 1) % n], z = a[(i + 2) % n];
    float *o = out + i * 8;
    o[0] = __fadd_rd(x, y);
    o[1] = __fadd_ru(x, y);
    o[2] = __fmul_rd(x, y);
    o[3] = __fmul_ru(x, y);
    o[4] = __fmaf_rd(x, y, z);
    o[5] = __fmaf_ru(x, y, z);
    o[6] = __fmaf_rz(x, y, z);
    o[7] = __saturatef(x);
    double p = d[i], q = d[(i + 1) % n], r = d[(i + 2) % n];
    double *w = wide + i * 4;
    w[0] = __dadd_rd(p, q);
    w[1] = __dadd_ru(p, q);
    w[2] = __fma_rd(p, q, r);
    w[3] = __fma_ru(p, q, r);
}
