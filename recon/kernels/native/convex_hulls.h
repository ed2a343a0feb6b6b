// Convex hulls of many small sets of points at once.
#pragma once

#include <cstdint>
#include <vector>

#include "api.h"

namespace recon {

enum class HullFault : int32_t { kNone = 0, kFlat = 1, kTangled = 2 };

struct ConvexHull {
  HullFault fault = HullFault::kNone;
  std::vector<int32_t> corners;  // [f, 3] of the points, counter-clockwise from outside
};

ConvexHull convex_hull(const double* points, int32_t n);

}  // namespace recon

// Hulls of sets of points [n, 3] that end at `ends` [n_sets]. The vertices' numbers among all points, set by set and rising, go to
// `vertices` [n], the faces [2 n, 3], of the set's vertices, to `faces`; how many of each to `counts` [n_sets, 2], and what was
// wrong to `faults` [n_sets]: 0 nothing, 1 too flat to have a hull, 2 points in such a position that rounding decides.
RECON_API void recon_convex_hulls(int64_t n_sets, const double* points, const int64_t* ends, int64_t* vertices, int32_t* faces,
                                  int64_t* counts, int32_t* faults);
// The height of points [n, 3] over the highest for each of planes [k, 4] (unit normal, offset): how far outside a convex part.
RECON_API void recon_heights_over(int64_t n_planes, const double* planes, int64_t n, const double* points, double* heights);
