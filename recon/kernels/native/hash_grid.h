// The multi-resolution hash grid of recon.kernels.layout.HashLayout.
#pragma once

#include <cstdint>

#include "vector.h"

namespace recon {

struct HashGrid {
  int n_levels, n_features, n_dense;
  int log2_size;
  const int32_t* resolutions;  // [n_levels]
  const int64_t* offsets;      // [n_levels + 1], rows
};

// Features of n positions (three rows x, y, z in the unit cube): out row l * n_features + f, `stride` floats between rows.
// The table holds float or Half.
template <typename Value>
void encode(const HashGrid& grid, const Value* table, const float* const position[3], int64_t n, float* out, int64_t stride);

// Adds the gradient of one level to grad_table from the gradient of its feature rows (d_out, same layout as `out` above).
void scatter_level(const HashGrid& grid, int level, const float* const position[3], int64_t n, const float* d_out, int64_t stride,
                   float* grad_table);

}  // namespace recon
