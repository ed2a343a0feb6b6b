// Depth maps into a signed distance over sparse blocks of voxels (recon/kernels/tsdf.py tells what is what).
#pragma once

#include <cstdint>

#include "api.h"

struct recon_tsdf_volume {
  int64_t n_blocks;
  const int32_t* blocks;     // [n_blocks, 3]
  float* distance;           // [n_blocks, 8, 8, 8] (z, y, x)
  float* weight;
  float voxel, truncation;   // world units
};

struct recon_tsdf_view {
  int32_t h, w;
  float fx, fy, cx, cy;
  float camera_from_world[12];  // rows of [3, 4]
  float far;                    // nothing behind it is touched
  const float *depth, *weight;  // [h, w]
  const float* normal;          // [h, w, 3], camera frame
  const uint8_t* is_free;       // [h, w]
};

RECON_API void recon_tsdf_integrate(const recon_tsdf_volume* volume, const recon_tsdf_view* view);
