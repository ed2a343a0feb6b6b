// Small dense layers over blocks of samples. Everything is feature-major: row k of a block holds feature k of all its samples,
// rows are `stride` floats apart and `n` (a multiple of 32) samples long.
#pragma once

#include "vector.h"

namespace recon {

constexpr int kTileWide = 2;  // registers of samples
#if defined(__AVX512F__)
constexpr int kTileOut = 8;                    // outputs: 16 accumulators in 32 registers
constexpr int kTileGradOut = 4, kTileGrad = 4; // weights: 16 accumulators
#else
constexpr int kTileOut = 4;                    // 8 accumulators in 16 registers
constexpr int kTileGradOut = 4, kTileGrad = 2;
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

template <int J>
inline void weight_rows(const float* d_out, const float* in, int n_in, int n, int stride, float* grad) {
  int k = 0;
  for (; k + kTileGrad <= n_in; k += kTileGrad) weight_tile<J, kTileGrad>(d_out, in + k * stride, n, stride, grad + k, n_in);
  for (; k < n_in; ++k) weight_tile<J, 1>(d_out, in + k * stride, n, stride, grad + k, n_in);
}

// grad[j, k] += sum over samples of d_out[j] in[k]
inline void weight_gradient(const float* d_out, int n_out, const float* in, int n_in, int n, int stride, float* grad) {
  int j = 0;
  for (; j + kTileGradOut <= n_out; j += kTileGradOut)
    weight_rows<kTileGradOut>(d_out + j * stride, in, n_in, n, stride, grad + j * n_in);
  for (; j < n_out; ++j) weight_rows<1>(d_out + j * stride, in, n_in, n, stride, grad + j * n_in);
}

}  // namespace recon
