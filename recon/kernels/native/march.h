// Walking rays through the occupancy cascades: recon.kernels.layout.OccupancyLayout and StepLattice.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "parallel.h"

namespace recon {

constexpr int kFarthest = 8;  // the greatest clearance that is told

struct Occupancy {
  const uint8_t* clearance;  // [n_cascades, r, r, r]: 0 in occupied cells, else cells to the next one on any axis (recon_clearance)
  int n_cascades, resolution;

  int empty(int cascade, const int* c) const {
    const int64_t r = resolution;
    return clearance[((cascade * r + c[2]) * r + c[1]) * r + c[0]];
  }
};

// ln x less at most 1e-3, x > 0: the exponent, and a polynomial for the mantissa.
inline float fast_log(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const int32_t exponent = (bits >> 23) - 127;
  bits = (bits & 0x007fffff) | 0x3f800000;
  float m;
  std::memcpy(&m, &bits, sizeof m);
  m -= 1;
  const float log2 = m * (1.4425449f + m * (-0.7181452f + m * (0.4575485f + m * (-0.2779042f + m * (0.1219754f - m * 0.0260194f)))));
  return 0.69314718f * (static_cast<float>(exponent) + log2);
}

struct Lattice {
  float step, growth;
};

// The lattice of one ray: distance of index i (see StepLattice.distances).
struct RayLattice {
  float t_near, step, growth, t_turn, i_turn, ratio;
  RayLattice(const Lattice& lattice, float t_near) : t_near(t_near), step(lattice.step), growth(lattice.growth) {
    t_turn = growth > 0 ? std::max(t_near, step / growth) : INFINITY;
    i_turn = growth > 0 ? (t_turn - t_near) / step : INFINITY;
    ratio = 1 + growth * (1 + growth * (0.5f + growth / 6));  // e^growth
  }
  float distance(float index) const {
    return index <= i_turn ? t_near + index * step : t_turn * std::exp(growth * (index - i_turn));
  }
  // distance(index), from t = distance(index - 1)
  float next(float t, float index) const { return index - 1 > i_turn ? t * ratio : distance(index); }
  // a lower bound of the whole steps that lie before distance t
  int64_t steps_before(float t, float offset) const {
    float index = t <= t_turn ? (t - t_near) / step : i_turn + fast_log(t / t_turn) / growth;
    return static_cast<int64_t>(std::floor(index - offset)) - 1;
  }
};

// Calls sample(t_start, t_end) for every lattice interval from step `first` on whose midpoint is in range and in an occupied cell,
// until it returns false. Returns the step to go on with, or -1 at the end of the ray. Empty cells are crossed in one jump.
template <typename Sample>
int64_t walk(const Occupancy& grid, const RayLattice& lattice, const float* origin, const float* direction, float t_near,
             float t_far, float offset, int64_t first, Sample&& sample) {
  const int r = grid.resolution;
  const float inverse[3] = {1 / direction[0], 1 / direction[1], 1 / direction[2]};
  float start = lattice.distance(first + offset);
  for (int64_t i = first;; ++i) {
    float end = lattice.next(start, i + 1 + offset);
    float t = 0.5f * (start + end);
    if (!(t < t_far)) return -1;
    if (t >= t_near) {
      float p[3], reach = 0;
      for (int a = 0; a < 3; ++a) {
        p[a] = origin[a] + t * direction[a];
        reach = std::max(reach, std::fabs(p[a]));
      }
      int32_t bits;
      std::memcpy(&bits, &reach, sizeof bits);
      const int cascade = std::max((bits >> 23) - 126, 0);  // frexp: reach = m 2^cascade, m in [0.5, 1)
      if (cascade >= grid.n_cascades) {
        // outside; only rays that start or end there come here
      } else {
        const float scale = 1.0f / (1 << cascade);
        int cell[3];
        for (int a = 0; a < 3; ++a)
          cell[a] = std::min(std::max(static_cast<int>((p[a] * scale + 1) * (0.5f * r)), 0), r - 1);
        const int empty = grid.empty(cascade, cell);
        if (empty == 0) {
          if (!sample(start, end)) return i + 1;
        } else {
          const float side = 2.0f / (r * scale);
          float t_exit = INFINITY;
          for (int a = 0; a < 3; ++a) {
            if (direction[a] == 0) continue;
            const float wall = ((direction[a] > 0 ? cell[a] + empty : cell[a] + 1 - empty) - 0.5f * r) * side;
            t_exit = std::min(t_exit, (wall - origin[a]) * inverse[a]);
          }
          int64_t jump = std::isfinite(t_exit) ? lattice.steps_before(t_exit, offset) : i;
          if (jump > i + 1) {
            i = jump - 1;  // step `jump` is looked at next; the bound is low, so none is missed
            end = lattice.distance(jump + offset);
          }
        }
      }
    }
    start = end;
  }
}

}  // namespace recon
