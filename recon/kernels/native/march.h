// Walking rays through the occupancy cascades: recon.kernels.layout.OccupancyLayout and StepLattice. A register of rays goes
// together: while one waits for its cell, the others are looked up.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vector.h"

namespace recon {

constexpr int kFarthest = 8;  // the greatest clearance that is told

struct Occupancy {
  const uint8_t* clearance;  // [n_cascades, r, r, r]: 0 in occupied cells, else cells to the next one on any axis (recon_clearance)
  int n_cascades, resolution;
};

struct Lattice {
  float step, growth;
};

struct RayArrays {
  const float *origins, *directions;      // [n, 3]
  const float *t_near, *t_far, *offsets;  // [n]; offsets null: 0.5
};

// One ray in each lane, and where on its lattice it is. The distance of lattice index i: see StepLattice.distances.
class RayLanes {
 public:
  // The next interval of each lane.
  struct Interval {
    float start[kLanes], end[kLanes];
    int32_t is_over[kLanes];      // the ray ends before its midpoint
    int32_t is_occupied[kLanes];  // its midpoint is in range and in an occupied cell
  };

  RayLanes(const Occupancy& grid, const Lattice& lattice) : grid_(grid), step_(lattice.step), growth_(lattice.growth) {
    const float g = growth_;
    ratio_ = 1 + g * (1 + g * (0.5f + g / 6));  // e^growth
    for (int lane = 0; lane < kLanes; ++lane) clear(lane);
  }

  // Puts a ray into a lane; the interval of index `first` is its next.
  void put(int lane, const RayArrays& rays, int64_t ray, int32_t first) {
    for (int a = 0; a < 3; ++a) {
      origin_[a][lane] = rays.origins[3 * ray + a];
      direction_[a][lane] = rays.directions[3 * ray + a];
    }
    t_near_[lane] = rays.t_near[ray], t_far_[lane] = rays.t_far[ray];
    offset_[lane] = rays.offsets ? rays.offsets[ray] : 0.5f;
    t_turn_[lane] = growth_ > 0 ? std::max(t_near_[lane], step_ / growth_) : INFINITY;
    i_turn_[lane] = growth_ > 0 ? (t_turn_[lane] - t_near_[lane]) / step_ : INFINITY;
    index_[lane] = first;
    start_[lane] = distance(first + offset_[lane], t_near_[lane], t_turn_[lane], i_turn_[lane]);
  }
  void clear(int lane) {
    t_far_[lane] = -INFINITY;
    for (float* values : {t_near_, offset_, t_turn_, i_turn_, start_}) values[lane] = 1;
    for (int a = 0; a < 3; ++a) origin_[a][lane] = direction_[a][lane] = 1;
    index_[lane] = 0;
  }
  // Of the interval that comes next.
  int32_t index(int lane) const { return index_[lane]; }

  // Steps over one interval of each lane; where that lies in empty cells, over all that surely do.
  void advance(Interval& passed) {
    const Floats start = load(start_), t_near = load(t_near_), t_turn = load(t_turn_), i_turn = load(i_turn_), offset = load(offset_);
    const Ints next = load(index_) + 1;
    const Floats next_index = floats(next) + offset, at_next = distance(next_index, t_near, t_turn, i_turn);
    const Floats end = next_index - 1.0f > i_turn ? start * ratio_ : at_next, t = 0.5f * (start + end);
    const Cell cell = cell_of(t);
    const Ints is_within = (t < load(t_far_)) & (t >= t_near) & (cell.cascade < grid_.n_cascades);
    const Ints clearance = clearance_of(cell, is_within);
    const Ints is_occupied = is_within & (clearance == 0);
    store(passed.start, start), store(passed.end, end);
    store(passed.is_over, ~(t < load(t_far_))), store(passed.is_occupied, is_occupied);
    const Floats t_exit = exit_of(cell, floats(clearance));
    const Floats i_exit = t_exit <= t_turn ? (t_exit - t_near) / step_ : i_turn + logarithm_below(t_exit / t_turn) / growth_;
    // whole steps that lie before the exit, and one less, so that rounding misses none
    const Ints jump = truncated(minimum(maximum(i_exit - offset, Floats{}), splat(kManySteps))) - 1;
    const Ints jumps = is_within & (clearance > 0) & (jump > next);
    store(index_, jumps ? jump : next);
    store(start_, jumps ? distance(floats(jump) + offset, t_near, t_turn, i_turn) : end);
  }

 private:
  static constexpr float kManySteps = 1 << 24;  // beyond which floats no longer count

  struct Cell {
    Ints cascade, place[3];
    Floats scale;  // of the cascade's cube, 1 / 2^cascade
  };

  template <typename Value>
  Value distance(Value index, Value t_near, Value t_turn, Value i_turn) const {
    return index <= i_turn ? t_near + index * step_ : t_turn * exponential(growth_ * (index - i_turn));
  }

  Cell cell_of(Floats t) const {
    Floats p[3], reach = {};
    for (int a = 0; a < 3; ++a) {
      p[a] = load(origin_[a]) + t * load(direction_[a]);
      reach = maximum(reach, maximum(p[a], -p[a]));
    }
    Cell cell;
    const Ints exponent = (bits_of(reach) >> 23) - 126;  // frexp: reach = m 2^exponent, m in [0.5, 1)
    cell.cascade = exponent > 0 ? exponent : Ints{};
    cell.scale = of_bits((127 - cell.cascade) << 23);
    const float last = grid_.resolution - 1;
    for (int a = 0; a < 3; ++a) {
      const Floats place = (p[a] * cell.scale + 1.0f) * (0.5f * grid_.resolution);
      cell.place[a] = truncated(minimum(maximum(place, Floats{}), splat(last)));
    }
    return cell;
  }

  // 0 in the lanes that are not asked.
  Ints clearance_of(const Cell& cell, Ints is_asked) const {
    const int r = grid_.resolution;
    const int64_t cells = static_cast<int64_t>(r) * r * r;
    int32_t cascade[kLanes], at[kLanes], found[kLanes];
    store(cascade, is_asked & cell.cascade);
    store(at, is_asked & ((cell.place[2] * r + cell.place[1]) * r + cell.place[0]));
    for (int lane = 0; lane < kLanes; ++lane) found[lane] = grid_.clearance[cascade[lane] * cells + at[lane]];
    return is_asked & load(found);
  }

  // Where each ray leaves the cube of cells around its own that is known to be empty.
  Floats exit_of(const Cell& cell, Floats clearance) const {
    const Floats side = (2.0f / grid_.resolution) / cell.scale;
    Floats t_exit = splat(INFINITY);
    for (int a = 0; a < 3; ++a) {
      const Floats origin = load(origin_[a]), direction = load(direction_[a]), place = floats(cell.place[a]);
      const Floats wall = (direction > 0.0f ? place + clearance : place + 1.0f - clearance) - 0.5f * grid_.resolution;
      t_exit = direction == 0.0f ? t_exit : minimum(t_exit, (wall * side - origin) / direction);
    }
    return t_exit;
  }

  const Occupancy grid_;
  const float step_, growth_;
  float ratio_;
  float origin_[3][kLanes], direction_[3][kLanes];
  float t_near_[kLanes], t_far_[kLanes], offset_[kLanes], t_turn_[kLanes], i_turn_[kLanes];
  float start_[kLanes];  // of the interval that comes next
  int32_t index_[kLanes];
};

// Calls sample(k, start, end) for every lattice interval whose midpoint is in range and in an occupied cell, for each ray chosen[k],
// from step next[k] on and at most `limit` times. Those of one ray come in order, those of several mixed. next[k] becomes the
// step to go on with, or -1 at the end of the ray.
template <typename Sample>
void march(const Occupancy& grid, const Lattice& lattice, const RayArrays& rays, const int64_t* chosen, int n, int32_t* next,
           int limit, Sample&& sample) {
  RayLanes lanes(grid, lattice);
  int in_lane[kLanes], left[kLanes], coming = 0, busy = 0;
  auto fill = [&](int lane) {
    in_lane[lane] = coming < n ? coming++ : -1;
    if (in_lane[lane] < 0) return lanes.clear(lane);
    ++busy, left[lane] = limit;
    lanes.put(lane, rays, chosen[in_lane[lane]], next[in_lane[lane]]);
  };
  for (int lane = 0; lane < kLanes; ++lane) fill(lane);
  RayLanes::Interval passed;
  while (busy) {
    lanes.advance(passed);
    for (int lane = 0; lane < kLanes; ++lane) {
      const int k = in_lane[lane];
      if (k < 0 || !(passed.is_over[lane] | passed.is_occupied[lane])) continue;
      if (!passed.is_over[lane]) {
        sample(k, passed.start[lane], passed.end[lane]);
        if (--left[lane] > 0) continue;
      }
      next[k] = passed.is_over[lane] ? -1 : lanes.index(lane);
      --busy, fill(lane);
    }
  }
}

}  // namespace recon
