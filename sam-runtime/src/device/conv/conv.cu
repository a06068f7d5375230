// Convolution: the windows of some images side by side, as the columns of matrices.

#include "windows.cuh"

extern "C" __global__ void sam_im2col(const T* x, T* columns, const Sliding s, const Columns c, unsigned images) {
    const unsigned places = s.down * s.across;
    each(images, places, [&](unsigned n, unsigned row, unsigned place) {
        columns[c.at(row, n) + place] = window_at(x, s, n, row, place);
    });
}

extern "C" __global__ void sam_col2im(const T* columns, T* d_x, const Sliding s, const Columns c, unsigned images) {
    const unsigned taps = s.size * s.size, pixels = s.height * s.width;
    each(images, pixels, [&](unsigned n, unsigned channel, unsigned pixel) {
        T sum = 0;
        covering(s, pixel, [&](unsigned place, unsigned tap) { sum += columns[c.at(channel * taps + tap, n) + place]; });
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
