// What threads do together: barriers, shared memory, shuffles, votes, atomics.
extern "C" __global__ void block_sum(unsigned n, const float *in, float *out) {
    __shared__ float part[256];
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    part[threadIdx.x] = i < n ? in[i] : 0;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) out[blockIdx.x] = part[0];
}

// Reverses each block's numbers through dynamic shared memory.
extern "C" __global__ void reverse(const double *in, double *out) {
    extern __shared__ double dynamic[];
    unsigned base = blockIdx.x * blockDim.x;
    dynamic[threadIdx.x] = in[base + threadIdx.x];
    __syncthreads();
    out[base + threadIdx.x] = dynamic[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void warps(const float *in, float *sums, float *up, unsigned *ballots, float *segments) {
    unsigned i = threadIdx.x;
    float x = in[i];
    float sum = x;
    for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(0xffffffff, sum, by);
    sums[i] = sum;
    float from = __shfl_up_sync(0xffffffff, x, 1);
    up[i] = (i & 31) ? from + x : x;
    ballots[i] = __ballot_sync(0xffffffff, x > 0);
    float s = x;
    for (int by = 4; by > 0; by /= 2) s += __shfl_down_sync(0xffffffff, s, by, 8);
    segments[i] = s;
    if (__any_sync(0xffffffff, x > 1000) || __all_sync(0xffffffff, x < -1000)) sums[i] = -1;
}

extern "C" __global__ void atomics(unsigned n, const float *in, float *sum, double *wide, unsigned *counts,
                                   unsigned long long *big, int *extremes) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    atomicAdd(sum, in[i]);
    atomicAdd(wide, (double)in[i]);
    atomicAdd(counts, 1u);
    atomicInc(counts + 1, 9u);
    atomicDec(counts + 2, 9u);
    atomicOr(counts + 3, 1u << (i & 31));
    atomicAdd(big, (unsigned long long)i << 30);
    atomicMax(extremes, (int)(in[i] * 100));
    atomicMin(extremes + 1, (int)(in[i] * 100));
    unsigned old = counts[4], seen;
    do {
        seen = old;
        old = atomicCAS(counts + 4, seen, seen + 2);
    } while (old != seen);
    counts[8 + i] = atomicExch(counts + 5, i);
}

// One thread leaves before the barrier that the others wait at: allowed.
extern "C" __global__ void early_exit(unsigned *out) {
    if (threadIdx.x == 3) return;
    __syncthreads();
    out[threadIdx.x] = 1;
}

// Half of a warp waits for lanes that wait elsewhere.
extern "C" __global__ void stuck(unsigned *out) {
    if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0xffffffff, threadIdx.x, 0);
    else asm volatile("bar.sync 1, 64;");
}
