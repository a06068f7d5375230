// A window that slides over images.

#pragma once

#include "layers.cuh"

// `Sliding` in window.rs: a window that moves over images.
struct Sliding {
    unsigned channels, height, width;
    // Of the output.
    unsigned down, across;
    unsigned size, stride, padding, dilation;
};

// The pixel that a place of the output covers with a tap; false where that is padding.
__device__ bool covered(const Sliding& s, unsigned place, unsigned tap, unsigned* pixel) {
    const unsigned y = place / s.across * s.stride + tap / s.size * s.dilation;
    const unsigned x = place % s.across * s.stride + tap % s.size * s.dilation;
    if (y < s.padding || x < s.padding) return false;
    if (y - s.padding >= s.height || x - s.padding >= s.width) return false;
    *pixel = (y - s.padding) * s.width + x - s.padding;
    return true;
}

// Calls `f(place, tap)` for each place whose window covers `pixel`, and the tap with which it does.
template <typename F> __device__ void covering(const Sliding& s, unsigned pixel, F f) {
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
