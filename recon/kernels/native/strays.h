// How far points and convex hulls stray from a surface, in shares of their limits: Strays of recon/export/strays.py.
#pragma once

#include <cstdint>

#include "api.h"

struct recon_limits {
  double fine, coarse;          // tolerances into free space
  double behind;                // what may lie behind the surface, beside the tolerance
  double driven, stood, level;  // heights over the floor below which the fine one holds: everywhere, and where it is level
  double spared;                // share of the points in free space that may stray further where the fine one holds
  int32_t has_floor, n_us, n_vs;  // without a floor the fine one holds everywhere; n_us 0: it is a plane
  double normal[3], offset, axes[6];
  const double *us, *vs, *heights;  // [n_us], [n_vs], [n_vs, n_us]: knots over the plane
};

// Hulls and points against a tree within limits: a handle that keeps what it learnt of places. Tree and arrays must outlive it.
RECON_API void* recon_strays(const void* tree, const recon_limits* limits);
RECON_API void recon_free_strays(void* strays);
// Excess [n_groups] of groups of points that end at `ends`: where it is larger than `looser`, at least that.
RECON_API void recon_stray_points(void* strays, int64_t n_groups, const double* points, const int64_t* ends, double looser,
                                  double* excess);
// The same of hulls: corners of their faces [f, 3, 3] that end at `ends` [n_hulls]; up to `most` [n_rounds, rising] points on the skin
// and as many inside, no nearer to each other than `apart`; rounds end with the first that finds more than `looser`.
RECON_API void recon_stray_hulls(void* strays, int64_t n_hulls, const double* corners, const int64_t* ends, int32_t n_rounds,
                                 const int32_t* most, double apart, double looser, double* excess);
