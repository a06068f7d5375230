// Convolution: the windows of some images side by side, as the columns of a matrix for each image.

#include "window.cuh"

// columns: (images, channels * taps, places).
extern "C" __global__ void sam_im2col(const T* x, T* columns, Sliding s, unsigned images) {
    const unsigned places = s.down * s.across, taps = s.size * s.size;
    each(images, places, [&](unsigned n, unsigned row, unsigned place) {
        unsigned pixel;
        T value = 0;
        if (covered(s, place, row % taps, &pixel)) {
            value = x[((u64)n * s.channels + row / taps) * s.height * s.width + pixel];
        }
        columns[((u64)n * s.channels * taps + row) * places + place] = value;
    });
}

extern "C" __global__ void sam_col2im(const T* columns, T* d_x, Sliding s, unsigned images) {
    const unsigned places = s.down * s.across, taps = s.size * s.size, pixels = s.height * s.width;
    each(images, pixels, [&](unsigned n, unsigned channel, unsigned pixel) {
        const T* of = columns + ((u64)n * s.channels + channel) * taps * places;
        T sum = 0;
        covering(s, pixel, [&](unsigned place, unsigned tap) { sum += of[(u64)tap * places + place]; });
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
