// Walking rays through the occupancy cascades: recon.kernels.layout.OccupancyLayout and StepLattice.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "parallel.h"

namespace recon {

constexpr int kBrick = 8;  // cells an axis of a brick: large empty space is crossed brick by brick

struct Occupancy {
  const uint8_t* cells;  // [n_cascades, r, r, r]
  int n_cascades, resolution;
  std::vector<uint8_t> bricks;  // [n_cascades, r / kBrick, ..]: whether any cell is occupied; empty if r does not divide

  Occupancy(const uint8_t* cells, int n_cascades, int resolution) : cells(cells), n_cascades(n_cascades), resolution(resolution) {
    if (resolution % kBrick) return;
    const int64_t r = resolution, b = r / kBrick;
    bricks.assign(n_cascades * b * b * b, 0);
    parallel(static_cast<int>(n_cascades * b), [&](int slab, int) {  // cascade * b + z of the brick
      for (int64_t row = 0; row < kBrick * r; ++row) {
        const uint8_t* from = cells + (slab * kBrick * r + row) * r;
        uint8_t* to = bricks.data() + (slab * b + row % r / kBrick) * b;
        for (int64_t x = 0; x < b; ++x) {
          uint64_t any;
          std::memcpy(&any, from + x * kBrick, sizeof any);
          to[x] |= any != 0;
        }
      }
    });
  }
  int64_t cell(int cascade, const int* c) const {
    const int64_t r = resolution;
    return ((cascade * r + c[2]) * r + c[1]) * r + c[0];
  }
  // cells an axis of the empty box around a cell, 0 if the cell is occupied; bricks first: all of them fit in a cache
  int empty_size(int cascade, const int* c) const {
    const int64_t b = resolution / kBrick;
    if (!bricks.empty() && !bricks[((cascade * b + c[2] / kBrick) * b + c[1] / kBrick) * b + c[0] / kBrick]) return kBrick;
    return cells[cell(cascade, c)] ? 0 : 1;
  }
};

struct Lattice {
  float step, growth;
};

// The lattice of one ray: distance of index i (see StepLattice.distances).
struct RayLattice {
  float t_near, step, growth, t_turn, i_turn;
  RayLattice(const Lattice& lattice, float t_near) : t_near(t_near), step(lattice.step), growth(lattice.growth) {
    t_turn = growth > 0 ? std::max(t_near, step / growth) : INFINITY;
    i_turn = growth > 0 ? (t_turn - t_near) / step : INFINITY;
  }
  float distance(float index) const {
    return index <= i_turn ? t_near + index * step : t_turn * std::exp(growth * (index - i_turn));
  }
  // a lower bound of the whole steps that lie before distance t
  int64_t steps_before(float t, float offset) const {
    float index = t <= t_turn ? (t - t_near) / step : i_turn + std::log(t / t_turn) / growth;
    return static_cast<int64_t>(std::floor(index - offset)) - 1;
  }
};

// Calls sample(t_start, t_end) for every lattice interval from step `first` on whose midpoint is in range and in an occupied cell,
// until it returns false. Returns the step to go on with, or -1 at the end of the ray. Empty cells are crossed in one jump.
template <typename Sample>
int64_t walk(const Occupancy& grid, const RayLattice& lattice, const float* origin, const float* direction, float t_near,
             float t_far, float offset, int64_t first, Sample&& sample) {
  const int r = grid.resolution;
  float start = lattice.distance(first + offset);
  for (int64_t i = first;; ++i) {
    float end = lattice.distance(i + 1 + offset);
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
        const int size = grid.empty_size(cascade, cell);
        if (size == 0) {
          if (!sample(start, end)) return i + 1;
        } else {
          const float side = 2.0f / (r * scale);
          float t_exit = INFINITY;
          for (int a = 0; a < 3; ++a) {
            if (direction[a] == 0) continue;
            float wall = (cell[a] / size * size + (direction[a] > 0 ? size : 0) - 0.5f * r) * side;
            t_exit = std::min(t_exit, (wall - origin[a]) / direction[a]);
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
