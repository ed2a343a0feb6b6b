// Planes fitted to a depth map. On a plane inverse depth is linear in the picture, so a fit is least squares in three unknowns.
//
// Rows go to all threads. A row's sums over the pixels asked are kept side by side and filled neighbour by neighbour, which the
// compiler turns into vectors.
#include "plane_fits.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "parallel.h"

namespace recon {
namespace {

constexpr int kBand = 8;           // rows that a thread takes at a time
constexpr float kLeast = 1e-9f;    // inverse depth, below which there is none
constexpr float kEnough = 8;       // pixels of a fit, at least
constexpr float kStiffness = 1e-3f;  // pixels squared: keeps slopes finite where all pixels lie in a row

void by_rows(int h, const std::function<void(int)>& row) {
  parallel((h + kBand - 1) / kBand, [&](int band, int) {
    for (int y = band * kBand; y < std::min((band + 1) * kBand, h); ++y) row(y);
  });
}

std::vector<float> inverse_depths(const recon_plane_map& map) {
  std::vector<float> result(static_cast<size_t>(map.h) * map.w);
  by_rows(map.h, [&](int y) {
    const float v = (static_cast<float>(y) + 0.5f - map.cy) / map.fy;
    for (int x = 0; x < map.w; ++x) {
      const float* q = map.planes + 3 * (static_cast<size_t>(y) * map.w + x);
      result[static_cast<size_t>(y) * map.w + x] =
          std::max(q[0] * (static_cast<float>(x) + 0.5f - map.cx) / map.fx + q[1] * v + q[2], kLeast);
    }
  });
  return result;
}

// The linear functions value + across dx + down dy of the offset from each pixel of a row.
struct Slopes {
  std::vector<float> value, across, down;
  explicit Slopes(int w) : value(w), across(w), down(w) {}
};

Slopes own_slopes(const recon_plane_map& map, const float* inverse, int y) {
  Slopes row(map.w);
  for (int x = 0; x < map.w; ++x) {
    const float* q = map.planes + 3 * (static_cast<size_t>(y) * map.w + x);
    row.value[x] = inverse[x], row.across[x] = q[0] / map.fx, row.down[x] = q[1] / map.fy;
  }
  return row;
}

// Calls visit(dx, dy, first x, last x + 1, values of the neighbours by x) for the pixels asked.
template <class Visit>
void for_neighbours(const recon_plane_map& map, const float* inverse, int y, const Visit& visit) {
  const int reach = 2 * map.step;
  for (int dy = -reach; dy <= reach; dy += map.step) {
    if (y + dy < 0 || y + dy >= map.h) continue;
    const float* theirs = inverse + static_cast<size_t>(y + dy) * map.w;
    for (int dx = -reach; dx <= reach; dx += map.step)
      visit(dx, dy, std::max(0, -dx), std::min(map.w, map.w - dx), theirs + dx);
  }
}

class Fit {
 public:
  explicit Fit(int w) : sums_(kSums, std::vector<float>(w)) {}

  void solve(const recon_plane_map& map, const std::vector<float>& inverse, int y, float tolerance, Slopes* row) {
    for (auto& sum : sums_) std::fill(sum.begin(), sum.end(), 0.0f);
    const float* own = inverse.data() + static_cast<size_t>(y) * map.w;
    float *n = at(0), *sx = at(1), *sy = at(2), *xx = at(3), *xy = at(4), *yy = at(5), *r = at(6), *rx = at(7), *ry = at(8);
    const float *value = row->value.data(), *across = row->across.data(), *down = row->down.data();
    for_neighbours(map, inverse.data(), y, [&](int dx, int dy, int begin, int end, const float* theirs) {
      const float fx = static_cast<float>(dx), fy = static_cast<float>(dy);
      for (int x = begin; x < end; ++x) {
        const float off = theirs[x] - own[x];  // small numbers, so that floats suffice
        const float miss = std::fabs(value[x] + across[x] * fx + down[x] * fy - theirs[x]);
        const float weight = (miss < tolerance * own[x]) & (theirs[x] > kLeast) ? 1.0f : 0.0f;
        n[x] += weight, sx[x] += weight * fx, sy[x] += weight * fy;
        xx[x] += weight * fx * fx, xy[x] += weight * fx * fy, yy[x] += weight * fy * fy;
        r[x] += weight * off, rx[x] += weight * off * fx, ry[x] += weight * off * fy;
      }
    });
    for (int x = 0; x < map.w; ++x) {
      if (n[x] < kEnough) continue;
      const float mx = sx[x] / n[x], my = sy[x] / n[x], mr = r[x] / n[x];
      const float a = xx[x] - n[x] * mx * mx + kStiffness, b = xy[x] - n[x] * mx * my, c = yy[x] - n[x] * my * my + kStiffness;
      const float p = rx[x] - n[x] * mx * mr, q = ry[x] - n[x] * my * mr, scale = 1 / (a * c - b * b);
      row->across[x] = (c * p - b * q) * scale, row->down[x] = (a * q - b * p) * scale;
      row->value[x] = own[x] + mr - row->across[x] * mx - row->down[x] * my;
    }
  }

 private:
  static constexpr int kSums = 9;
  float* at(int i) { return sums_[i].data(); }
  std::vector<std::vector<float>> sums_;
};

}  // namespace
}  // namespace recon

using namespace recon;

void recon_fit_planes(const recon_plane_map* map, int32_t n_rounds, const float* tolerances, float* fitted) {
  const std::vector<float> inverse = inverse_depths(*map);
  by_rows(map->h, [&](int y) {
    Slopes row = own_slopes(*map, inverse.data() + static_cast<size_t>(y) * map->w, y);
    Fit fit(map->w);
    for (int k = 0; k < n_rounds; ++k) fit.solve(*map, inverse, y, tolerances[k], &row);
    const float v = (static_cast<float>(y) + 0.5f - map->cy) / map->fy;
    for (int x = 0; x < map->w; ++x) {
      float* q = fitted + 3 * (static_cast<size_t>(y) * map->w + x);
      q[0] = row.across[x] * map->fx, q[1] = row.down[x] * map->fy;
      q[2] = row.value[x] - q[0] * (static_cast<float>(x) + 0.5f - map->cx) / map->fx - q[1] * v;
    }
  });
}

void recon_plane_coherence(const recon_plane_map* map, const float* inverse_depths, float tolerance, float* share) {
  const std::vector<float> expected = recon::inverse_depths(*map);
  by_rows(map->h, [&](int y) {
    const Slopes row = own_slopes(*map, expected.data() + static_cast<size_t>(y) * map->w, y);
    std::vector<float> asked(map->w), near(map->w);
    for_neighbours(*map, inverse_depths, y, [&](int dx, int dy, int begin, int end, const float* theirs) {
      if (dx == 0 && dy == 0) return;
      const float fx = static_cast<float>(dx), fy = static_cast<float>(dy);
      for (int x = begin; x < end; ++x) {
        const float miss = std::fabs(row.value[x] + row.across[x] * fx + row.down[x] * fy - theirs[x]);
        asked[x] += 1.0f, near[x] += miss < tolerance * theirs[x] ? 1.0f : 0.0f;
      }
    });
    for (int x = 0; x < map->w; ++x) share[static_cast<size_t>(y) * map->w + x] = near[x] / std::max(asked[x], 1.0f);
  });
}
