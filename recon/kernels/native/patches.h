// Patches of one picture found in another: what Python calls (patches.py mirrors the structs).
#pragma once

#include <cstdint>

#include "api.h"

struct recon_patches {
  int32_t n, radius;     // pixels from a patch's middle to its border
  const float* grey;     // [n, side, side], side = 2 radius + 1
  const double* warps;   // [n, 3, 3]: takes (right, down, 1) of a pixel from the middle to homogeneous pixels of the other picture
};

struct recon_patch_picture {
  int32_t h, w;
  const float* layers;   // [h, w, 3]: smooth grey, its slopes to the right and down
};

struct recon_patch_limits {
  int32_t n_rounds;
  float max_gain;                   // of the brightness
  float min_likeness, hopeless;     // NCC of what is found, and of what is followed on
  float max_shift, max_last_step;   // pixels
  float min_texture;                // smaller eigenvalue of the summed squared slopes
  float flat;                       // added to both eigenvalues
};

// Where the middles lie, [n, 2] pixels x, y (0: the middle of the first pixel), and which patches were found [n].
RECON_API void recon_find_patches(const recon_patches* patches, const recon_patch_picture* picture,
                                  const recon_patch_limits* limits, double* middles, uint8_t* is_found);
