// The cross entropy of rows of logits with rows of targets.

#include "layers.cuh"

// `lanes` neighbouring threads of a warp have a row.
template <typename V, typename J> __device__ V of_all_lanes(V value, unsigned lanes, J join) {
    for (unsigned off = lanes / 2; off > 0; off /= 2) value = join(value, __shfl_xor_sync(0xffffffff, value, off));
    return value;
}

// Of each row the logarithm of the sum of exponentials and the sum of the targets; of each block the sum of its rows'
// losses, or the mean loss where there is one block.
extern "C" __global__ void sam_cross_entropy(
    const T* x, const T* targets, unsigned rows, unsigned classes, unsigned lanes, Two* of_row, double* sums, T* loss
) {
    const unsigned row = (blockIdx.x * THREADS + threadIdx.x) / lanes, lane = threadIdx.x % lanes;
    const u64 start = (u64)row * classes;
    // All threads of a warp go this way, for those that have no row: their lanes stand empty.
    const unsigned end = row < rows ? classes : 0;
    T largest = -INFINITY;
    for (unsigned c = lane; c < end; c += lanes) largest = max(largest, x[start + c]);
    largest = of_all_lanes(largest, lanes, [](T a, T b) { return max(a, b); });
    double powers = 0, mass = 0, dot = 0;
    for (unsigned c = lane; c < end; c += lanes) {
        const T off = x[start + c] - largest, target = targets[start + c];
        powers += exp(off);
        mass += target;
        // An impossible class that is no target counts nothing.
        if (target != T(0)) dot += (double)target * off;
    }
    const auto added = [](double a, double b) { return a + b; };
    powers = log(of_all_lanes(powers, lanes, added));
    mass = of_all_lanes(mass, lanes, added);
    dot = of_all_lanes(dot, lanes, added);
    Two sum = {0, 0};
    if (row < rows && lane == 0) {
        of_row[row] = {largest + powers, mass};
        sum.first = mass * powers - dot;
    }
    sum = together(sum);
    if (threadIdx.x != 0) return;
    if (gridDim.x == 1) {
        *loss = (T)(sum.first / rows);
    } else {
        sums[blockIdx.x] = sum.first;
    }
}

extern "C" __global__ void sam_mean_loss(const double* sums, unsigned count, unsigned rows, T* loss) {
    Two sum = {0, 0};
    for (unsigned i = threadIdx.x; i < count; i += THREADS) sum.first += sums[i];
    sum = together(sum);
    if (threadIdx.x == 0) *loss = (T)(sum.first / rows);
}

extern "C" __global__ void sam_cross_entropy_back(
    const T* d_loss, const T* x, const T* targets, const Two* of_row, unsigned rows, unsigned classes, T* d_x
) {
    const T factor = *d_loss / (T)rows;
    all((u64)rows * classes, [&](u64 i) {
        const Two& row = of_row[i / classes];
        d_x[i] += factor * (exp((T)((double)x[i] - row.first)) * (T)row.second - targets[i]);
    });
}
