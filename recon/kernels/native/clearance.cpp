// How far each cell of the occupancy cascades lies from the next occupied one, so that rays cross empty space in few jumps.
#include <algorithm>
#include <cstring>
#include <vector>

#include "api.h"
#include "march.h"
#include "parallel.h"

namespace recon {
namespace {

// to[i] = min over |d| < kFarthest of max(|d|, from[i + d * stride]) for `n` neighbouring bytes; `places` before and after lie inside,
// what is outside counts as occupied.
void spread(const uint8_t* from, uint8_t* to, int64_t stride, int64_t before, int64_t after, int64_t n) {
  std::copy(from, from + n, to);
  for (int d = 1; d < kFarthest; ++d) {
    const uint8_t distance = static_cast<uint8_t>(d);
    for (int side = -1; side <= 1; side += 2) {
      if (d > (side < 0 ? before : after)) {
        for (int64_t i = 0; i < n; ++i) to[i] = std::min(to[i], distance);
      } else {
        const uint8_t* other = from + side * d * stride;
        for (int64_t i = 0; i < n; ++i) to[i] = std::min(to[i], std::max(other[i], distance));
      }
    }
  }
}

// Along a row: its ends are padded with occupied cells.
void spread_row(const uint8_t* from, uint8_t* to, int64_t n, std::vector<uint8_t>& padded) {
  padded.assign(n + 2 * kFarthest, 0);
  std::copy(from, from + n, padded.begin() + kFarthest);
  spread(padded.data() + kFarthest, to, 1, kFarthest, kFarthest, n);
}

}  // namespace
}  // namespace recon

using namespace recon;

void recon_clearance(const uint8_t* occupied, int n_cascades, int resolution, uint8_t* clearance) {
  const int64_t r = resolution, plane = r * r, cells = plane * r;
  const int64_t inner_low = r / 4, inner_high = (3 * r + 3) / 4;  // the finer cascade is asked there: no jump may pass through
  std::vector<uint8_t> along_y(n_cascades * cells);
  parallel(n_cascades * resolution, [&](int slab, int) {
    const int64_t cascade = slab / r, z = slab % r;
    std::vector<uint8_t> seeds(plane), along_x(plane), padded;
    for (int64_t i = 0; i < plane; ++i) seeds[i] = occupied[slab * plane + i] ? 0 : kFarthest;
    if (cascade && z >= inner_low && z < inner_high)
      for (int64_t y = inner_low; y < inner_high; ++y) std::memset(&seeds[y * r + inner_low], 0, inner_high - inner_low);
    for (int64_t y = 0; y < r; ++y) spread_row(&seeds[y * r], &along_x[y * r], r, padded);
    for (int64_t y = 0; y < r; ++y) spread(&along_x[y * r], &along_y[slab * plane + y * r], r, y, r - 1 - y, r);
  });
  parallel(n_cascades * resolution, [&](int slab, int) {
    const int64_t z = slab % r, at = slab * plane;
    spread(&along_y[at], clearance + at, plane, z, r - 1 - z, plane);
    for (int64_t i = at; i < at + plane; ++i) clearance[i] = occupied[i] ? 0 : std::max<uint8_t>(clearance[i], 1);
  });
}
