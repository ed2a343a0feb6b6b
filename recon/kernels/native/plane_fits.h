// Planes fitted to a depth map pixel by pixel, and how well they fit: what Python calls (plane_fits.py).
#pragma once

#include <cstdint>

#include "api.h"

// Planes q [h, w, 3] with 1 / z = q . (u, v, 1), u = (x - cx) / fx, v = (y - cy) / fy.
struct recon_plane_map {
  int32_t h, w;
  float fx, fy, cx, cy;
  const float* planes;
  int32_t step;  // pixels between the 5 x 5 pixels round each that are asked
};

// The least-squares plane of the inverse depths asked that lie within `tolerances[k]` (relative) of the plane of round k - 1, at
// first the pixel's own; where too few do, that plane stays. fitted: [h, w, 3].
RECON_API void recon_fit_planes(const recon_plane_map* map, int32_t n_rounds, const float* tolerances, float* fitted);
// Share [h, w] of the pixels asked, but for the pixel itself, whose inverse depth lies within `tolerance` of the pixel's plane.
// inverse_depths: [h, w], those of the planes themselves or others.
RECON_API void recon_plane_coherence(const recon_plane_map* map, const float* inverse_depths, float tolerance, float* share);
