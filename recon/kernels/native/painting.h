// A photo painted onto samples of a surface (recon/kernels/painting.py tells what is what).
#pragma once

#include <cstdint>

#include "api.h"

struct recon_photo {
  int32_t h, w, depth_h, depth_w;
  const uint8_t* color;      // [h, w, 3]
  const uint8_t* is_valid;   // [h, w]
  const float* depth;        // [depth_h, depth_w]
  const float* at_vertices;  // [v]
  float gain[3];
  float tolerance, slack, edge;
};

struct recon_on_faces {
  const int32_t* corners;  // [n, 3]
  const float* shares;     // [n, 3]
};

// chosen [m], pixels [m, 2], depth [m]; sums [n, 4]
RECON_API void recon_add_photo(const recon_photo* photo, const recon_on_faces* samples, int64_t m, const int64_t* chosen,
                               const float* pixels, const float* depth, float* sums);
