// What Python calls (recon/kernels/native/library.py mirrors the structs). Arrays are contiguous float32 unless said otherwise.
#pragma once

#include <cstdint>

#include "field.h"

#define RECON_API extern "C" __attribute__((visibility("default")))

struct recon_march_args {
  int64_t n_rays;
  const float *origins, *directions;         // [n_rays, 3]
  const float *t_near, *t_far, *offsets;     // [n_rays]
  const uint8_t* clearance;                  // [n_cascades, r, r, r], of recon_clearance
  int32_t n_cascades, resolution;
  float step, growth;
};

struct recon_render_args {
  recon::Field field;
  int64_t n_rays;
  const float *origins, *directions, *t_near, *t_far;
  const float* offsets;                      // [n_rays], or null: 0.5
  const uint8_t* clearance;
  int32_t n_cascades, resolution;
  float step, growth, min_weight, opaque;    // opaque: optical depth behind which nothing is looked at
  float *colors, *opacities, *distances;     // out: [n_rays, 3], [n_rays], [n_rays]
};

struct recon_train_args {
  recon::Field field;
  int64_t n_rays, n_samples;
  const float *origins, *directions;
  const int64_t* ray_indices;                // [n_samples], ascending
  const float *t_starts, *t_ends;
  const float *targets, *backgrounds;        // [n_rays, 3]
  const float* features;                     // [n_samples, n_encoded]: the encoding of the samples' midpoints
  const float* known_distances;              // [n_rays], 0 where unknown; or null
  float near_scale, huber_delta, opacity_loss, distortion_loss, depth_loss, min_transmittance;
  float* grad_features;                      // scratch [n_encoded, n_samples]
  float* grad_table;                         // added to
  float* grad_density_layers[2];             // written
  float* grad_color_layers[3];
  float *grad_backgrounds, *colors, *opacities;
  double* seconds;                           // null, or [2]: of the networks with compositing, of the scatter
};

RECON_API int recon_version();  // of headers.py, when this was compiled
RECON_API int recon_n_threads();
RECON_API void recon_set_n_threads(int n);
RECON_API int64_t recon_march(const recon_march_args* args, int64_t* ray_indices, float* t_starts, float* t_ends, int64_t capacity);
// The samples that light reaches, those of recon_march up to an optical depth of `opaque`, and their encoding [n, n_encoded].
RECON_API int64_t recon_march_visible(const recon_render_args* args, int64_t* ray_indices, float* t_starts, float* t_ends,
                                      float* features, int64_t capacity);
RECON_API void recon_render(const recon_render_args* args);
RECON_API double recon_train(const recon_train_args* args);  // returns the loss
RECON_API void recon_density(const recon::Field* field, int64_t n, const float* positions, float* densities, float* geometry);
RECON_API void recon_encode(const recon::HashGrid* grid, const float* table, int64_t n, const float* positions, float* out);
RECON_API void recon_encode_gradient(const recon::HashGrid* grid, int64_t n, const float* positions, const float* d_out,
                                     float* grad_table);
// recon.kernels.occupied_cells over arrays [n_cascades, n_cells].
RECON_API void recon_occupied_cells(int n_cascades, int64_t n_cells, const float* densities, const uint8_t* possible,
                                    uint8_t* occupied, float side, float threshold);
// Cells from each cell to the next occupied one, on the axis where that is farthest: 0 in occupied cells, at most 8.
RECON_API void recon_clearance(const uint8_t* occupied, int n_cascades, int resolution, uint8_t* clearance);
// Ceilings for bench.py: the sum over n random rows of a table, and the addition of one value to n random rows; row: 4 floats.
RECON_API float recon_gather(const float* table, const int32_t* rows, int64_t n);
RECON_API void recon_scatter(float* const* tables, const int32_t* rows, int64_t n);  // one table a thread
RECON_API void recon_adam(int64_t n_rows, int row, float* parameters, float* gradients, float* mean, float* square,
                          float learning_rate, float beta1, float beta2, float epsilon, float correction1, float correction2,
                          float kept);
