#include "tsdf.h"

#include <algorithm>
#include <cmath>

#include "parallel.h"

namespace recon {
namespace {

constexpr int kSide = 8;
constexpr float kSameSurface = 0.05f;  // relative step of depth between neighbouring pixels that is still one surface

struct Seen {
  float depth, slope, weight;
  bool is_free;
};

// What the view sees along the ray through pixel position (x, y), half-pixel convention; weight 0: nothing is known.
Seen look(const recon_tsdf_view& v, float x, float y) {
  const int column = static_cast<int>(x), row = static_cast<int>(y);
  const int64_t at = static_cast<int64_t>(row) * v.w + column;
  const float depth = v.depth[at];
  if (!(depth > 0)) return {0, 1, v.is_free[at] ? v.weight[at] : 0.0f, true};
  // 1 / depth is linear on a plane: bilinear there, unless the four pixels show different surfaces.
  const int x0 = std::clamp(static_cast<int>(std::floor(x - 0.5f)), 0, std::max(v.w - 2, 0));
  const int y0 = std::clamp(static_cast<int>(std::floor(y - 0.5f)), 0, std::max(v.h - 2, 0));
  const int64_t corner = static_cast<int64_t>(y0) * v.w + x0;
  if (v.w > 1 && v.h > 1) {
    const float a = v.depth[corner], b = v.depth[corner + 1], c = v.depth[corner + v.w], d = v.depth[corner + v.w + 1];
    const float low = std::min(std::min(a, b), std::min(c, d)), high = std::max(std::max(a, b), std::max(c, d));
    if (low > 0 && high - low < kSameSurface * low) {
      const float fx = std::clamp(x - 0.5f - x0, 0.0f, 1.0f), fy = std::clamp(y - 0.5f - y0, 0.0f, 1.0f);
      const float inverse = (1 - fy) * ((1 - fx) / a + fx / b) + fy * ((1 - fx) / c + fx / d);
      return {1 / inverse, v.slope[at], v.weight[at], false};
    }
  }
  return {depth, v.slope[at], v.weight[at], false};
}

bool may_see(const recon_tsdf_view& v, const float* middle, float radius) {
  const float z = std::max(middle[2], radius);
  const float x = middle[0] / z * v.fx + v.cx, y = middle[1] / z * v.fy + v.cy, reach = 2 * radius * std::max(v.fx, v.fy) / z;
  return middle[2] > -radius && middle[2] < v.far + radius && x > -reach && x < v.w + reach && y > -reach && y < v.h + reach;
}

void integrate_block(const recon_tsdf_volume& volume, const recon_tsdf_view& v, int64_t block) {
  const float* m = v.camera_from_world;
  const float side = volume.voxel * kSide;
  float origin[3], middle[3];
  for (int a = 0; a < 3; ++a) {
    origin[a] = m[4 * a + 3], middle[a] = m[4 * a + 3];
    for (int k = 0; k < 3; ++k) {
      origin[a] += m[4 * a + k] * volume.blocks[3 * block + k] * side;
      middle[a] += m[4 * a + k] * (volume.blocks[3 * block + k] + 0.5f) * side;
    }
  }
  if (!may_see(v, middle, 0.87f * side)) return;
  float* distance = volume.distance + block * kSide * kSide * kSide;
  float* weight = volume.weight + block * kSide * kSide * kSide;
  for (int i = 0; i < kSide * kSide * kSide; ++i) {
    const float step[3] = {(i % 8) * volume.voxel, (i / 8 % 8) * volume.voxel, (i / 64) * volume.voxel};
    float p[3];
    for (int a = 0; a < 3; ++a) p[a] = origin[a] + m[4 * a] * step[0] + m[4 * a + 1] * step[1] + m[4 * a + 2] * step[2];
    if (!(p[2] > 1e-6f) || p[2] > v.far) continue;
    const float x = p[0] / p[2] * v.fx + v.cx, y = p[1] / p[2] * v.fy + v.cy;
    if (!(x >= 0 && x < v.w && y >= 0 && y < v.h)) continue;
    const Seen seen = look(v, x, y);
    if (!(seen.weight > 0)) continue;
    const float away = seen.is_free ? 1.0f : (seen.depth - p[2]) * seen.slope / volume.truncation;
    if (away < -1) continue;
    const float total = weight[i] + seen.weight;
    distance[i] += (std::min(away, 1.0f) - distance[i]) * seen.weight / total;
    weight[i] = total;
  }
}

}  // namespace
}  // namespace recon

void recon_tsdf_integrate(const recon_tsdf_volume* volume, const recon_tsdf_view* view) {
  constexpr int64_t kChunk = 64;
  recon::parallel(static_cast<int>((volume->n_blocks + kChunk - 1) / kChunk), [&](int i, int) {
    const int64_t end = std::min((i + 1) * kChunk, volume->n_blocks);
    for (int64_t block = i * kChunk; block < end; ++block) recon::integrate_block(*volume, *view, block);
  });
}
