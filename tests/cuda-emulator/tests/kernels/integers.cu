// Integer instructions, each element on its own. `out` has ROWS numbers for each pair.
extern "C" __global__ void integers32(unsigned n, const unsigned *a, const unsigned *b, unsigned *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned x = a[i], y = b[i];
    int s = (int)x, t = (int)y;
    unsigned *o = out + i * 16;
    o[0] = x + y;
    o[1] = x * y;
    o[2] = y ? x / y : 7;
    o[3] = y ? x % y : 7;
    o[4] = t != 0 && !(s == (int)0x80000000 && t == -1) ? (unsigned)(s / t) : 7;
    o[5] = (unsigned)(s >> (y & 31));
    o[6] = __umulhi(x, y);
    o[7] = (unsigned)__mulhi(s, t);
    o[8] = __popc(x) + 100 * __clz(x) + 10000 * __ffs(x);
    o[9] = __brev(x);
    o[10] = __byte_perm(x, y, 0x3715);
    o[11] = __funnelshift_l(x, y, y);
    o[12] = __funnelshift_rc(x, y, y & 63);
    o[13] = (unsigned)min(s, t) ^ max(x, y);
    o[14] = __sad(s, t, x);
    o[15] = (x & y) | (~x ^ (y << 3));
}

extern "C" __global__ void integers64(unsigned n, const unsigned long long *a, const unsigned long long *b,
                                      unsigned long long *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned long long x = a[i], y = b[i];
    long long s = (long long)x, t = (long long)y;
    unsigned long long *o = out + i * 8;
    o[0] = x * y + (x - y);
    o[1] = y ? x / y + 3 * (x % y) : 7;
    o[2] = (unsigned long long)(s >> (y & 63));
    o[3] = __umul64hi(x, y);
    o[4] = (unsigned long long)__mul64hi(s, t);
    o[5] = __popcll(x) + 100 * __clzll(x);
    o[6] = __brevll(x) + (unsigned long long)min(s, t);
    // 128 bits: the carry instructions.
    unsigned __int128 wide = (unsigned __int128)x * y + x;
    o[7] = (unsigned long long)(wide >> 64);
}

// Narrow types and conversions.
extern "C" __global__ void conversions(unsigned n, const double *a, long long *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    double d = a[i];
    float f = (float)d;
    long long *o = out + i * 12;
    o[0] = (int)d;
    o[1] = (unsigned)f;
    o[2] = (long long)d;
    o[3] = __float2int_rn(f);
    o[4] = __double2int_ru(d);
    o[5] = __float2int_rd(f);
    o[6] = (signed char)(int)d;
    o[7] = (unsigned short)(int)d;
    o[8] = __float_as_int(__double2float_rd(d));
    o[9] = __float_as_int(__double2float_ru(d));
    o[10] = __float_as_int(__ll2float_rn((long long)d));
    o[11] = __double_as_longlong(__ll2double_rz((long long)d));
}
