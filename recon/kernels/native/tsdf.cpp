#include "tsdf.h"

#include <algorithm>
#include <cmath>

#include "parallel.h"

namespace recon {
namespace {

constexpr int kSide = 8;
constexpr float kBehind = 4;  // truncations along z behind a pixel's depth that it still speaks of

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
    const int column = static_cast<int>(x), row = static_cast<int>(y);
    const int64_t at = static_cast<int64_t>(row) * v.w + column;
    const float depth = v.depth[at], counts = v.weight[at];
    if (!(counts > 0) || !(depth > 0 || v.is_free[at])) continue;
    float away = 1;
    if (depth > 0 && p[2] > depth + kBehind * volume.truncation) continue;
    if (depth > 0) {  // from the plane through the pixel's own point
      const float* n = v.normal + 3 * at;
      const float across = (column + 0.5f - v.cx) / v.fx, down = (row + 0.5f - v.cy) / v.fy;
      away = (n[0] * (p[0] - depth * across) + n[1] * (p[1] - depth * down) + n[2] * (p[2] - depth)) / volume.truncation;
    }
    if (away < -1) continue;
    const float total = weight[i] + counts;
    distance[i] += (std::min(away, 1.0f) - distance[i]) * counts / total;
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
