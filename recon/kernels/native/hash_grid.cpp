#include "hash_grid.h"

#include <algorithm>

namespace recon {
namespace {

constexpr uint32_t kPrimeY = 2654435761u, kPrimeZ = 805459861u;
constexpr int kGroup = 16;  // samples whose corners are computed together

// Of one group: where the rows of the eight corners of each sample's cell begin, in floats, and their trilinear weights.
struct Corners {
  uint32_t at[8][kGroup];
  float weight[8][kGroup];
};

// One register of samples. Written in vectors: left to the compiler, this took longer than reading the rows.
template <bool kDense>
inline void corners(const HashGrid& grid, int level, const float (*position)[kGroup], int lane, Corners& c) {
  const int32_t resolution = grid.resolutions[level];
  const uint32_t mask = (1u << grid.log2_size) - 1, side = resolution + 1;
  const uint32_t stride[3] = {1, kDense ? side : kPrimeY, kDense ? side * side : kPrimeZ};
  Floats weight[3][2];  // by axis and side of the cell
  Unsigned term[3][2];  // of the row
  for (int a = 0; a < 3; ++a) {
    const Floats g = load(position[a] + lane) * static_cast<float>(resolution);
    const Floats inside = minimum(maximum(g, Floats{}), splat(static_cast<float>(resolution - 1)));
    const Ints low = truncated(inside);  // rounds down: nothing here is negative
    weight[a][1] = g - floats(low);
    weight[a][0] = 1 - weight[a][1];
    term[a][0] = reinterpret_cast<Unsigned>(low) * stride[a];
    term[a][1] = term[a][0] + stride[a];
  }
  for (int corner = 0; corner < 8; ++corner) {
    const int bx = corner & 1, by = corner >> 1 & 1, bz = corner >> 2;
    const Unsigned x = term[0][bx], y = term[1][by], z = term[2][bz], row = kDense ? x + y + z : (x ^ y ^ z) & mask;
    store(c.at[corner] + lane, row * static_cast<uint32_t>(grid.n_features));
    store(c.weight[corner] + lane, weight[0][bx] * weight[1][by] * weight[2][bz]);
  }
}

// Of the samples [at, at + count), count <= kGroup.
template <bool kDense>
inline void corners(const HashGrid& grid, int level, const float* const position[3], int64_t at, int count, Corners& c) {
  float p[3][kGroup];
  for (int a = 0; a < 3; ++a) {
    if (count < kGroup) std::memset(p[a], 0, sizeof p[a]);
    std::memcpy(p[a], position[a] + at, count < kGroup ? count * sizeof(float) : sizeof p[a]);
  }
  for (int lane = 0; lane < kGroup; lane += kLanes) corners<kDense>(grid, level, p, lane, c);
}

// Calls visit(first sample, count, corners) group by group. The next group's rows are on their way meanwhile: a level's table lies
// in a far cache, and waiting for it costs more than asking early for what is near already.
template <bool kDense, typename Value, typename Visit>
inline void each_group(const HashGrid& grid, int level, const Value* rows, const float* const position[3], int64_t n,
                       Visit&& visit) {
  Corners groups[2];
  auto prepare = [&](int64_t at, Corners& c) {
    corners<kDense>(grid, level, position, at, static_cast<int>(std::min<int64_t>(kGroup, n - at)), c);
    if (kDense) return;
    for (int corner = 0; corner < 8; ++corner)
      for (int i = 0; i < kGroup; ++i) __builtin_prefetch(rows + c.at[corner][i]);
  };
  if (n > 0) prepare(0, groups[0]);
  for (int64_t at = 0; at < n; at += kGroup) {
    const int now = at / kGroup % 2;
    if (at + kGroup < n) prepare(at + kGroup, groups[1 - now]);
    visit(at, static_cast<int>(std::min<int64_t>(kGroup, n - at)), groups[now]);
  }
}

template <bool kDense, typename Value>
void encode_level(const HashGrid& grid, int level, const Value* table, const float* const position[3], int64_t n, float* out,
                  int64_t stride) {
  const int n_features = grid.n_features;
  const Value* rows = table + grid.offsets[level] * n_features;
  each_group<kDense>(grid, level, rows, position, n, [&](int64_t at, int count, const Corners& c) {
    if (n_features == 4) {
      for (int i = 0; i < count; ++i) {
        Floats4 v = {};
        for (int corner = 0; corner < 8; ++corner) v += c.weight[corner][i] * load4(rows + c.at[corner][i]);
        for (int f = 0; f < 4; ++f) out[f * stride + at + i] = v[f];
      }
    } else {
      for (int i = 0; i < count; ++i)
        for (int f = 0; f < n_features; ++f) {
          float v = 0;
          for (int corner = 0; corner < 8; ++corner)
            v += c.weight[corner][i] * single(rows[c.at[corner][i] + f]);
          out[f * stride + at + i] = v;
        }
    }
  });
}

template <bool kDense>
void scatter(const HashGrid& grid, int level, const float* const position[3], int64_t n, const float* d_out, int64_t stride,
             float* grad_table) {
  const int n_features = grid.n_features;
  float* rows = grad_table + grid.offsets[level] * n_features;
  each_group<kDense>(grid, level, rows, position, n, [&](int64_t at, int count, const Corners& c) {
    if (n_features == 4) {
      for (int i = 0; i < count; ++i) {
        const float* d = d_out + at + i;
        Floats4 g = {d[0], d[stride], d[2 * stride], d[3 * stride]};
        if (g[0] == 0 && g[1] == 0 && g[2] == 0 && g[3] == 0) continue;  // occluded samples have no gradient
        for (int corner = 0; corner < 8; ++corner) {
          float* row = rows + c.at[corner][i];
          store4(row, load4(row) + c.weight[corner][i] * g);
        }
      }
    } else {
      for (int i = 0; i < count; ++i)
        for (int corner = 0; corner < 8; ++corner)
          for (int f = 0; f < n_features; ++f)
            rows[c.at[corner][i] + f] += c.weight[corner][i] * d_out[f * stride + at + i];
    }
  });
}

}  // namespace

template <typename Value>
void encode(const HashGrid& grid, const Value* table, const float* const position[3], int64_t n, float* out, int64_t stride) {
  for (int level = 0; level < grid.n_levels; ++level) {
    float* rows = out + static_cast<int64_t>(level) * grid.n_features * stride;
    (level < grid.n_dense ? encode_level<true, Value> : encode_level<false, Value>)(grid, level, table, position, n, rows, stride);
  }
}
template void encode(const HashGrid&, const float*, const float* const[3], int64_t, float*, int64_t);
template void encode(const HashGrid&, const Half*, const float* const[3], int64_t, float*, int64_t);

void scatter_level(const HashGrid& grid, int level, const float* const position[3], int64_t n, const float* d_out, int64_t stride,
                   float* grad_table) {
  const float* rows = d_out + static_cast<int64_t>(level) * grid.n_features * stride;
  (level < grid.n_dense ? scatter<true> : scatter<false>)(grid, level, position, n, rows, stride, grad_table);
}

}  // namespace recon
