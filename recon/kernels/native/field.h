// The radiance field of recon.field: hash grid, density network, colour network. No biases; see recon/field/hash_grid.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "hash_grid.h"
#include "network.h"

namespace recon {

constexpr int kGeometry = 16, kHarmonics = 16;
constexpr float kLn2 = 0.69314718f;  // optical depth at which half of the light is left

struct Field {
  HashGrid grid;
  const float* table;              // or null
  const Half* half_table;          // to look at, where there is one; or null
  const float* density_layers[2];  // [width, n_encoded], [16, width]
  const float* color_layers[3];    // [width, 32], [width, width], [3, width]
  int width;
  int is_contracted;

  int n_encoded() const { return grid.n_levels * grid.n_features; }
};

// Scene position -> unit cube, folded if the field is contracted (geometry.bounds.contract).
inline void unit_position(const Field& field, const float* p, float* x, float* y, float* z) {
  float u[3] = {p[0], p[1], p[2]};
  if (field.is_contracted) {
    float norm = std::max(std::max(std::fabs(u[0]), std::fabs(u[1])), std::max(std::fabs(u[2]), 1.0f));
    float scale = (2 - 1 / norm) / norm;
    for (float& v : u) v = (v * scale + 2) * 0.25f;
  } else {
    for (float& v : u) v = (v + 1) * 0.5f;
  }
  *x = u[0], *y = u[1], *z = u[2];
}

inline void harmonics(const float* d, float* out, int64_t stride) {
  const float x = d[0], y = d[1], z = d[2], xx = x * x, yy = y * y, zz = z * z, xy = x * y, yz = y * z, xz = x * z;
  const float v[kHarmonics] = {0.28209479177387814f,
                               -0.48860251190291987f * y,
                               0.48860251190291987f * z,
                               -0.48860251190291987f * x,
                               1.0925484305920792f * xy,
                               -1.0925484305920792f * yz,
                               0.94617469575756f * zz - 0.31539156525252f,
                               -1.0925484305920792f * xz,
                               0.5462742152960396f * (xx - yy),
                               0.5900435899266435f * y * (-3 * xx + yy),
                               2.890611442640554f * xy * z,
                               0.4570457994644657f * y * (1 - 5 * zz),
                               0.3731763325901154f * z * (5 * zz - 3),
                               0.4570457994644657f * x * (1 - 5 * zz),
                               1.4453057213202769f * z * (xx - yy),
                               0.5900435899266435f * x * (-xx + 3 * yy)};
  for (int k = 0; k < kHarmonics; ++k) out[k * stride] = v[k];
}

inline int padded(int n) { return (n + 31) / 32 * 32; }

// Rows of one block, allocated once and grown when needed; rows start on cache lines.
class Rows {
 public:
  float* resize(int n_rows, int stride) {
    size_t need = static_cast<size_t>(n_rows) * stride + 64 / sizeof(float);
    if (data_.size() < need) data_.resize(need);
    auto address = reinterpret_cast<uintptr_t>(data_.data());
    return data_.data() + ((64 - address % 64) % 64) / sizeof(float);
  }

 private:
  std::vector<float> data_;
};

struct DensityBlock {
  Rows x_, hidden_, geometry_, sigma_;
  float *x, *hidden, *geometry, *sigma;
  int n, stride;

  void resize(const Field& field, int count) {
    n = count;
    stride = padded(count);
    x = x_.resize(field.n_encoded(), stride);
    hidden = hidden_.resize(field.width, stride);
    geometry = geometry_.resize(kGeometry, stride);
    sigma = sigma_.resize(1, stride);
  }
  // x from feature rows that are `from_stride` apart
  void copy_features(const Field& field, const float* from, int64_t from_stride) {
    for (int k = 0; k < field.n_encoded(); ++k) {
      std::copy(from + k * from_stride, from + k * from_stride + n, x + k * stride);
      std::fill(x + k * stride + n, x + (k + 1) * stride, 0.0f);
    }
  }
  // x from samples' feature vectors [n, n_encoded]
  void transpose_features(const Field& field, const float* from) {
    const int e = field.n_encoded();
    for (int s = 0; s < n; ++s)
      for (int k = 0; k < e; ++k) x[k * stride + s] = from[static_cast<size_t>(s) * e + k];
    for (int k = 0; k < e; ++k) std::fill(x + k * stride + n, x + (k + 1) * stride, 0.0f);
  }
  void forward(const Field& field) {
    layer(field.density_layers[0], field.width, field.n_encoded(), x, hidden, stride, stride);
    relu_rows(hidden, field.width, stride, stride);
    layer(field.density_layers[1], kGeometry, field.width, hidden, geometry, stride, stride);
    for (int s = 0; s < stride; s += kLanes) {
      Floats g = load(geometry + s);
      store(sigma + s, exponential(g > 15.0f ? splat(15.0f) : g));
    }
  }
};

struct ColorBlock {
  Rows in_, hidden1_, hidden2_, rgb_;
  float *in, *hidden1, *hidden2, *rgb;
  int n, stride;

  void resize(const Field& field, int count) {
    n = count;
    stride = padded(count);
    in = in_.resize(kHarmonics + kGeometry, stride);
    hidden1 = hidden1_.resize(field.width, stride);
    hidden2 = hidden2_.resize(field.width, stride);
    rgb = rgb_.resize(3, stride);
    for (int k = 0; k < kHarmonics + kGeometry; ++k) std::fill(in + k * stride + n, in + (k + 1) * stride, 0.0f);
  }
  void forward(const Field& field) {
    layer(field.color_layers[0], field.width, kHarmonics + kGeometry, in, hidden1, stride, stride);
    relu_rows(hidden1, field.width, stride, stride);
    layer(field.color_layers[1], field.width, field.width, hidden1, hidden2, stride, stride);
    relu_rows(hidden2, field.width, stride, stride);
    layer(field.color_layers[2], 3, field.width, hidden2, rgb, stride, stride);
    for (int k = 0; k < 3 * stride; k += kLanes) store(rgb + k, 1.0f / (1.0f + exponential(-load(rgb + k))));
  }
};

}  // namespace recon
