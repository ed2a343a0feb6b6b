// Multi-view PatchMatch: what Python calls (patchmatch.py mirrors the structs). Letters as in recon/kernels/stereo.py.
#pragma once

#include <cstdint>

#include "api.h"

struct recon_stereo_view {
  int32_t h, w;
  float fx, fy, cx, cy;
  float rotation[9], translation[3];  // camera from world
  float near, far;                    // depths to look between
  const uint32_t* quads;              // [h, w]: grey values of a pixel, its right, lower and lower right neighbour, 8 bits each
  const float* depth;                 // [h, w] of the last pass, 0 unknown; null: no geometric consistency
  float* planes;                      // [h, w, 3] in and out
  float* costs;                       // [h, w] out
  uint16_t* chosen;                   // [h, w] bits of the sources that a pixel is judged by
};

struct recon_stereo_args {
  int32_t n_sources;                // <= 16
  const recon_stereo_view* views;   // [1 + n_sources]: the view that is worked on, then its sources
  int32_t reach[2][3];              // pixels, growing: samples lie so far from a window's middle, both ways; narrow and wide windows
  float window_sigma[2];            // pixels: how fast samples lose their say with their distance from the middle
  float enough_variance;            // grey levels squared: windows that show less are wide
  float color_sigma, noise;         // grey levels; grey levels squared
  int32_t n_best;                   // sources that count
  float enough_angle, lack_cost;    // radians; what is added, when sources are chosen, to one without any angle
  float geometric_weight, geometric_cap;
  int32_t choose;                   // 1: recon_stereo_costs chooses the sources of each pixel, 0: it takes the chosen ones
  int32_t explore;                  // 1: every hypothesis is tried in all sources, 0: in the chosen ones
  int32_t n_far, n_refinements;     // hypotheses from strips (0 or 4) and by chance, a visit
  float depth_spread, normal_spread;
  uint32_t seed;
};

// Costs of the view's planes as they are.
RECON_API void recon_stereo_costs(const recon_stereo_args* args);
// One sweep over both colours of the checkerboard. Returns the number of hypotheses tried.
RECON_API int64_t recon_stereo_sweep(const recon_stereo_args* args);
// Planes of single pixels x, y [n_pixels, 2] of the view: each tries its candidates [n_pixels, n_candidates, 3] and changes by
// chance. The view's planes (in and out), costs and choices (out) have one entry per pixel.
RECON_API void recon_stereo_search(const recon_stereo_args* args, int32_t n_pixels, const int32_t* pixels, int32_t n_candidates,
                                   const float* candidates);
// How many of the sources agree with each depth of the view (returning within `pixels` and `relative`), how many look through
// it, and the mean of those that agree and itself: maps [h, w]; depths are views[i].depth.
RECON_API void recon_stereo_agreement(const recon_stereo_args* args, float pixels, float relative, uint8_t* agreeing,
                                      uint8_t* through, float* mean_depth);
