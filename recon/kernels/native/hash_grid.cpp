#include "hash_grid.h"

#include <algorithm>
#include <cmath>

#include "vector.h"

namespace recon {
namespace {

constexpr uint32_t kPrimeY = 2654435761u, kPrimeZ = 805459861u;
constexpr int kGroup = kLanes;  // samples whose corners are computed together

struct Corners {
  uint32_t row[8][kGroup];
  float weight[8][kGroup];
};

// Rows and trilinear weights of kGroup samples; plain loops that the compiler turns into vector code.
template <bool kDense>
inline void corners(const HashGrid& grid, int level, const float* const position[3], int64_t at, int count, Corners& c) {
  const int32_t resolution = grid.resolutions[level];
  const uint32_t mask = (1u << grid.log2_size) - 1, side = resolution + 1;
  const uint32_t my = kDense ? side : kPrimeY, mz = kDense ? side * side : kPrimeZ;
  float fraction[3][kGroup];
  uint32_t low[3][kGroup];
  for (int a = 0; a < 3; ++a) {
    float p[kGroup] = {};
    for (int i = 0; i < count; ++i) p[i] = position[a][at + i];
    for (int i = 0; i < kGroup; ++i) {
      float g = p[i] * resolution;
      float f = std::min(std::max(std::floor(g), 0.0f), static_cast<float>(resolution - 1));
      low[a][i] = static_cast<uint32_t>(static_cast<int32_t>(f));
      fraction[a][i] = g - f;
    }
  }
  for (int corner = 0; corner < 8; ++corner) {
    const uint32_t bx = corner & 1, by = corner >> 1 & 1, bz = corner >> 2;
    for (int i = 0; i < kGroup; ++i) {
      uint32_t x = low[0][i] + bx, y = (low[1][i] + by) * my, z = (low[2][i] + bz) * mz;
      c.row[corner][i] = kDense ? x + y + z : (x ^ y ^ z) & mask;
      float wx = bx ? fraction[0][i] : 1 - fraction[0][i];
      float wy = by ? fraction[1][i] : 1 - fraction[1][i];
      float wz = bz ? fraction[2][i] : 1 - fraction[2][i];
      c.weight[corner][i] = wx * wy * wz;
    }
  }
}

template <bool kDense>
void encode_level(const HashGrid& grid, int level, const float* table, const float* const position[3], int64_t n, float* out,
                  int64_t stride) {
  const int n_features = grid.n_features;
  const float* rows = table + grid.offsets[level] * n_features;
  Corners c;
  for (int64_t at = 0; at < n; at += kGroup) {
    const int count = static_cast<int>(std::min<int64_t>(kGroup, n - at));
    corners<kDense>(grid, level, position, at, count, c);
    if (n_features == 4) {
      for (int i = 0; i < count; ++i) {
        Floats4 v = {};
        for (int corner = 0; corner < 8; ++corner) v += c.weight[corner][i] * load4(rows + 4 * size_t{c.row[corner][i]});
        for (int f = 0; f < 4; ++f) out[f * stride + at + i] = v[f];
      }
    } else {
      for (int i = 0; i < count; ++i)
        for (int f = 0; f < n_features; ++f) {
          float v = 0;
          for (int corner = 0; corner < 8; ++corner)
            v += c.weight[corner][i] * rows[size_t{c.row[corner][i]} * n_features + f];
          out[f * stride + at + i] = v;
        }
    }
  }
}

template <bool kDense>
void scatter(const HashGrid& grid, int level, const float* const position[3], int64_t n, const float* d_out, int64_t stride,
             float* grad_table) {
  const int n_features = grid.n_features;
  float* rows = grad_table + grid.offsets[level] * n_features;
  Corners c;
  for (int64_t at = 0; at < n; at += kGroup) {
    const int count = static_cast<int>(std::min<int64_t>(kGroup, n - at));
    corners<kDense>(grid, level, position, at, count, c);
    if (n_features == 4) {
      for (int i = 0; i < count; ++i) {
        const float* d = d_out + at + i;
        Floats4 g = {d[0], d[stride], d[2 * stride], d[3 * stride]};
        if (g[0] == 0 && g[1] == 0 && g[2] == 0 && g[3] == 0) continue;  // occluded samples have no gradient
        for (int corner = 0; corner < 8; ++corner) {
          float* row = rows + 4 * size_t{c.row[corner][i]};
          store4(row, load4(row) + c.weight[corner][i] * g);
        }
      }
    } else {
      for (int i = 0; i < count; ++i)
        for (int corner = 0; corner < 8; ++corner)
          for (int f = 0; f < n_features; ++f)
            rows[size_t{c.row[corner][i]} * n_features + f] += c.weight[corner][i] * d_out[f * stride + at + i];
    }
  }
}

}  // namespace

void encode(const HashGrid& grid, const float* table, const float* const position[3], int64_t n, float* out, int64_t stride) {
  for (int level = 0; level < grid.n_levels; ++level) {
    float* rows = out + static_cast<int64_t>(level) * grid.n_features * stride;
    (level < grid.n_dense ? encode_level<true> : encode_level<false>)(grid, level, table, position, n, rows, stride);
  }
}

void scatter_level(const HashGrid& grid, int level, const float* const position[3], int64_t n, const float* d_out, int64_t stride,
                   float* grad_table) {
  const float* rows = d_out + static_cast<int64_t>(level) * grid.n_features * stride;
  (level < grid.n_dense ? scatter<true> : scatter<false>)(grid, level, position, n, rows, stride, grad_table);
}

}  // namespace recon
