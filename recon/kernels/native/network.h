// Small dense layers over blocks of samples. Everything is feature-major: row k of a block holds feature k of all its samples,
// rows are `stride` floats apart and `n` (a multiple of 32) samples long.
#pragma once

#include "vector.h"

namespace recon {

#if defined(__AVX512F__)
constexpr int kTileOut = 8;   // 8 outputs x 32 samples: 16 accumulators of 32 registers
constexpr int kTileWide = 2;
constexpr int kTileGrad = 4;  // 4 x 4 weights: 16 accumulators
#else
constexpr int kTileOut = 4;   // 4 outputs x 16 samples: 8 accumulators of 16 AVX2 registers
constexpr int kTileWide = 1;
constexpr int kTileGrad = 2;
#endif

template <int J, int V>
inline void layer_tile(const float* w, int w_stride, const float* in, int n_in, int stride, float* out) {
  Floats acc[J][V] = {};
  for (int k = 0; k < n_in; ++k) {
    Floats x[V];
    for (int v = 0; v < V; ++v) x[v] = load(in + k * stride + v * kLanes);
    for (int j = 0; j < J; ++j)
      for (int v = 0; v < V; ++v) acc[j][v] += w[j * w_stride + k] * x[v];
  }
  for (int j = 0; j < J; ++j)
    for (int v = 0; v < V; ++v) store(out + j * stride + v * kLanes, acc[j][v]);
}

// out[j] = sum_k w[j, k] in[k]
inline void layer(const float* w, int n_out, int n_in, const float* in, float* out, int n, int stride) {
  for (int s = 0; s < n; s += kTileWide * kLanes) {
    int j = 0;
    for (; j + kTileOut <= n_out; j += kTileOut)
      layer_tile<kTileOut, kTileWide>(w + j * n_in, n_in, in + s, n_in, stride, out + j * stride + s);
    for (; j < n_out; ++j) layer_tile<1, kTileWide>(w + j * n_in, n_in, in + s, n_in, stride, out + j * stride + s);
  }
}

inline void relu_rows(float* rows, int n_rows, int n, int stride) {
  for (int k = 0; k < n_rows; ++k)
    for (int s = 0; s < n; s += kLanes) store(rows + k * stride + s, relu(load(rows + k * stride + s)));
}

// grad[k] = 0 where the forward activation was cut by the ReLU
inline void relu_gradient(const float* active, float* grad, int n_rows, int n, int stride) {
  for (int k = 0; k < n_rows; ++k)
    for (int s = 0; s < n; s += kLanes) {
      Floats a = load(active + k * stride + s);
      store(grad + k * stride + s, a > 0.0f ? load(grad + k * stride + s) : Floats{});
    }
}

template <int J, int K>
inline void weight_tile(const float* d_out, const float* in, int n, int stride, float* grad, int grad_stride) {
  Floats acc[J][K] = {};
  for (int s = 0; s < n; s += kLanes) {
    Floats d[J];
    for (int j = 0; j < J; ++j) d[j] = load(d_out + j * stride + s);
    for (int k = 0; k < K; ++k) {
      Floats x = load(in + k * stride + s);
      for (int j = 0; j < J; ++j) acc[j][k] += d[j] * x;
    }
  }
  for (int j = 0; j < J; ++j)
    for (int k = 0; k < K; ++k) grad[j * grad_stride + k] += sum(acc[j][k]);
}

// grad[j, k] += sum over samples of d_out[j] in[k]
inline void weight_gradient(const float* d_out, int n_out, const float* in, int n_in, int n, int stride, float* grad) {
  int j = 0;
  for (; j + kTileGrad <= n_out; j += kTileGrad)
    for (int k = 0; k < n_in; k += kTileGrad)
      weight_tile<kTileGrad, kTileGrad>(d_out + j * stride, in + k * stride, n, stride, grad + j * n_in + k, n_in);
  for (; j < n_out; ++j)
    for (int k = 0; k < n_in; k += kTileGrad)
      weight_tile<1, kTileGrad>(d_out + j * stride, in + k * stride, n, stride, grad + j * n_in + k, n_in);
}

}  // namespace recon
