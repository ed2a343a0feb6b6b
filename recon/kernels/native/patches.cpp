// Lucas and Kanade's steps, patch by patch: grey level and both slopes of a pixel are read as one vector, and all that a step needs
// are sums of its products with itself and with the patch.
#include "patches.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "parallel.h"
#include "vector.h"

namespace recon {
namespace {

constexpr int kBlock = 16;       // patches that a thread takes at a time
constexpr double kNear = 1e-6;   // homogeneous pixels behind this lie behind the camera

// Where a patch's pixels lie in the other picture, and what it looks like, less its mean.
struct Patch {
  std::vector<float> x, y, grey;
  double square = 0;  // sum of the squares of `grey`

  explicit Patch(int n) : x(n), y(n), grey(n) {}
};

// False where a part of the patch, moved by as much as it may be, would lie outside the picture.
bool foretell(const double* warp, int radius, const recon_patch_picture& picture, float max_shift, Patch* patch) {
  const double margin = max_shift + 1, right = picture.w - 1 - margin, bottom = picture.h - 1 - margin;
  int at = 0;
  bool is_inside = true;
  for (int down = -radius; down <= radius; ++down) {
    for (int across = -radius; across <= radius; ++across, ++at) {
      double p[3];
      for (int i = 0; i < 3; ++i) p[i] = warp[3 * i] * across + warp[3 * i + 1] * down + warp[3 * i + 2];
      if (!(p[2] > kNear)) return false;
      const double x = p[0] / p[2], y = p[1] / p[2];
      is_inside &= x > margin && x < right && y > margin && y < bottom;
      patch->x[at] = static_cast<float>(x), patch->y[at] = static_cast<float>(y);
    }
  }
  return is_inside;
}

void centre(const float* grey, Patch* patch) {
  const int n = static_cast<int>(patch->grey.size());
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += grey[i];
  const auto mean = static_cast<float>(sum / n);
  patch->square = 0;
  for (int i = 0; i < n; ++i) {
    patch->grey[i] = grey[i] - mean;
    patch->square += patch->grey[i] * patch->grey[i];
  }
}

// Bilinear; the fourth value means nothing. Lies a pixel within the picture at least, so that reading four values is allowed.
inline Floats4 read(const recon_patch_picture& picture, float x, float y) {
  const int column = static_cast<int>(x), row = static_cast<int>(y);
  const float across = x - static_cast<float>(column), down = y - static_cast<float>(row);
  const float* top = picture.layers + 3 * (static_cast<size_t>(row) * picture.w + column);
  const float* bottom = top + 3 * static_cast<size_t>(picture.w);
  const Floats4 above = load4(top) + (load4(top + 3) - load4(top)) * across;
  const Floats4 below = load4(bottom) + (load4(bottom + 3) - load4(bottom)) * across;
  return above + (below - above) * down;
}

struct Step {
  double x, y, likeness, texture;
};

Step step(const Patch& patch, const recon_patch_picture& picture, double shift_x, double shift_y, const recon_patch_limits& limits) {
  const auto move_x = static_cast<float>(shift_x), move_y = static_cast<float>(shift_y);
  Floats4 sums{}, with_grey{}, with_right{}, with_down{}, with_patch{};
  const int n = static_cast<int>(patch.grey.size());
  for (int i = 0; i < n; ++i) {
    const Floats4 v = read(picture, patch.x[i] + move_x, patch.y[i] + move_y);
    sums += v, with_patch += v * patch.grey[i];
    with_grey += v * v[0], with_right += v * v[1], with_down += v * v[2];
  }
  const auto centred = [&](Floats4 products, int a, int b) {
    return static_cast<double>(products[a]) - static_cast<double>(sums[a]) * static_cast<double>(sums[b]) / n;
  };
  const double flat = limits.flat, square = centred(with_grey, 0, 0), both = with_patch[0];
  const double gain = std::clamp(both / std::max(square, flat), 1.0 / limits.max_gain, static_cast<double>(limits.max_gain));
  const double a = centred(with_right, 1, 1) + flat, b = centred(with_right, 2, 1), c = centred(with_down, 2, 2) + flat;
  const double p = with_patch[1] - gain * centred(with_grey, 1, 0), q = with_patch[2] - gain * centred(with_grey, 2, 0);
  const double scale = 1 / (a * c - b * b);
  return {(c * p - b * q) * scale, (a * q - b * p) * scale, both / std::sqrt(std::max(square * patch.square, flat)),
          (a + c) / 2 - std::hypot((a - c) / 2, b)};
}

// Moves the shift to where the patch is; whether it is there.
bool follow(const Patch& patch, const recon_patch_picture& picture, const recon_patch_limits& limits, double* shift) {
  for (int round = 0; round < limits.n_rounds; ++round) {
    const Step taken = step(patch, picture, shift[0], shift[1], limits);
    shift[0] += std::clamp(taken.x, -1.0, 1.0), shift[1] += std::clamp(taken.y, -1.0, 1.0);
    const bool is_near = std::max(std::fabs(shift[0]), std::fabs(shift[1])) < limits.max_shift;
    if (!is_near || !(taken.texture > limits.min_texture)) return false;
    if (std::max(std::fabs(taken.x), std::fabs(taken.y)) < limits.max_last_step) return taken.likeness > limits.min_likeness;
    if (!(taken.likeness > limits.hopeless)) return false;
  }
  return false;
}

}  // namespace
}  // namespace recon

using namespace recon;

void recon_find_patches(const recon_patches* patches, const recon_patch_picture* picture, const recon_patch_limits* limits,
                        double* middles, uint8_t* is_found) {
  const int side = 2 * patches->radius + 1, n_pixels = side * side;
  parallel((patches->n + kBlock - 1) / kBlock, [&](int block, int) {
    Patch patch(n_pixels);
    for (int i = block * kBlock; i < std::min((block + 1) * kBlock, patches->n); ++i) {
      double shift[2] = {0, 0};
      is_found[i] = 0;
      if (!foretell(patches->warps + 9 * i, patches->radius, *picture, limits->max_shift, &patch)) continue;
      centre(patches->grey + static_cast<size_t>(i) * n_pixels, &patch);
      is_found[i] = follow(patch, *picture, *limits, shift);
      middles[2 * i] = patch.x[n_pixels / 2] + shift[0], middles[2 * i + 1] = patch.y[n_pixels / 2] + shift[1];
    }
  });
}
