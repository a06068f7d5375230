// Pools.

#include "window.cuh"

// The largest that a place covers, and its tap: the first of several, and NaN is larger than all else.
__device__ T largest(const Sliding& s, const T* image, unsigned place, unsigned* tap) {
    T best = 0;
    bool any = false;
    for (unsigned t = 0; t < s.size * s.size; t++) {
        unsigned pixel;
        if (!covered(s, place, t, &pixel)) continue;
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
                if (covered(s, place, t, &at)) value += image[at];
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
        covering(s, pixel, [&](unsigned place, unsigned tap) {
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
