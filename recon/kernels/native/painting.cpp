#include "painting.h"

#include <algorithm>

#include "parallel.h"
#include "vector.h"

using namespace recon;

namespace {

bool is_visible(const recon_photo& photo, float x, float y, float depth) {
  if (!(x >= 0.5f && y >= 0.5f && x <= photo.w - 0.5f && y <= photo.h - 0.5f)) return false;
  const int64_t column = static_cast<int64_t>(x), row = static_cast<int64_t>(y);
  const float surface = photo.depth[row * photo.depth_h / photo.h * photo.depth_w + column * photo.depth_w / photo.w];
  return photo.is_valid[row * photo.w + column] && surface > 0 && depth - surface <= photo.tolerance + photo.slack * depth;
}

// Bilinear, 0 to 255, with 255 for a fourth colour.
Floats4 color_at(const recon_photo& photo, float x, float y) {
  const float fx = std::min(std::max(x - 0.5f, 0.0f), photo.w - 1.0f), fy = std::min(std::max(y - 0.5f, 0.0f), photo.h - 1.0f);
  const int32_t x0 = static_cast<int32_t>(fx), y0 = static_cast<int32_t>(fy);
  const int32_t x1 = std::min(x0 + 1, photo.w - 1), y1 = std::min(y0 + 1, photo.h - 1);
  const float ax = fx - x0, ay = fy - y0;
  auto pixel = [&](int32_t column, int32_t row) {
    const uint8_t* c = photo.color + 3 * (static_cast<int64_t>(row) * photo.w + column);
    return Floats4{float(c[0]), float(c[1]), float(c[2]), 255.0f};
  };
  const Floats4 top = pixel(x0, y0) * (1 - ax) + pixel(x1, y0) * ax, bottom = pixel(x0, y1) * (1 - ax) + pixel(x1, y1) * ax;
  return top * (1 - ay) + bottom * ay;
}

}  // namespace

void recon_add_photo(const recon_photo* photo, const recon_on_faces* samples, int64_t m, const int64_t* chosen,
                     const float* pixels, const float* depth, float* sums) {
  constexpr int64_t kChunk = 1 << 14;
  const recon_photo& p = *photo;
  const float fades = p.edge * std::min(p.h, p.w);
  const Floats4 gain = Floats4{p.gain[0], p.gain[1], p.gain[2], 1} / 255.0f;
  parallel(static_cast<int>((m + kChunk - 1) / kChunk), [&](int chunk, int) {
    for (int64_t i = chunk * kChunk; i < std::min(m, (chunk + 1) * kChunk); ++i) {
      const float x = pixels[2 * i], y = pixels[2 * i + 1];
      if (!is_visible(p, x, y, depth[i])) continue;
      const int32_t* corners = samples->corners + 3 * chosen[i];
      const float* shares = samples->shares + 3 * chosen[i];
      float weight = 0;
      for (int k = 0; k < 3; ++k) weight += p.at_vertices[corners[k]] * shares[k];
      const float inside = std::min(std::min(x, p.w - x), std::min(y, p.h - y));
      weight *= std::min(std::max(inside / fades, 1e-3f), 1.0f);
      float* sum = sums + 4 * chosen[i];
      store4(sum, load4(sum) + color_at(p, x, y) * gain * weight);
    }
  });
}
