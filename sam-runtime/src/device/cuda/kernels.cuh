// What every file of kernels begins with.

#pragma once

typedef unsigned long long u64;

// The type of the elements: build.rs compiles each file once for each of them.
typedef ELEMENT T;

// Of a block, in all kernels: `THREADS` in module.rs.
constexpr int THREADS = 256;
