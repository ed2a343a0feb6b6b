// Pixels against the texture that they see (recon/kernels/texels.py tells what is what).
#pragma once

#include <cstdint>

#include "api.h"

struct recon_seen_texels {
  int64_t n;
  int32_t row;            // texels of a row of the texture
  const int32_t* texels;  // [n], flat: the first of four
  const float* shares;    // [n, 4]
  const uint8_t* color;   // [n, 3]
  const float* weight;    // [n]
  float gain[3];
  float outlier;
};

// texture, sums: [t, 4]
RECON_API void recon_add_corrections(const recon_seen_texels* seen, const float* texture, float* sums);
