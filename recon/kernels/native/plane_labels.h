// Which plane of the scene a pixel lies on: what Python calls (plane_labels.py mirrors the structs).
#pragma once

#include <cstdint>

#include "api.h"

struct recon_plane {
  float normal[3], offset;        // normal . x = offset; the normal looks to the side it is seen from
  float across[3], along[3];      // unit axes in the plane
  float low[2], cell;             // of the map of distances, in the plane's axes
  int32_t rows, columns;
  int32_t is_shell;               // nothing lies behind it, as behind a floor, a ceiling, an outer wall
  const float* distances;         // [rows, columns]: how far from known matter of the plane
  float thickness;                // world units: matter this near belongs to it
  float beyond;                   // the distance beyond the map
};

struct recon_plane_view {
  int32_t h, w;
  float fx, fy, cx, cy;
  float rotation[9], translation[3];  // camera from world
  float near, far;
  const uint8_t* grey;                // [h, w]
  const float *depth, *confidence;    // [h, w] of what is confirmed; depth 0 elsewhere
  const uint8_t* is_closed;           // [h, w]: 1 where no plane may be (sky, nothing photographed)
  const int32_t* regions;             // [h, w]: of one colour, each a row of:
  const float* off_border;            // [n_regions, n_planes]: share of a region's border, in [0, 1], that lies off a plane
  int16_t* labels;                    // [h, w] out: index of the plane, -1 none
  float* margins;                     // [h, w] out: how much dearer the next best label is
};

struct recon_plane_args {
  int32_t n_views, n_sources, n_planes;
  const recon_plane_view* views;
  const int32_t* sources;             // [n_views, n_sources], -1: none
  const recon_plane* planes;
  float tolerance;                    // relative difference of depth that a confirmed depth may have from its plane
  float gain_spread;                  // grey levels by which pictures of the same surface differ
  float none, misfit, outside, seen_through, unseen, unlike, away, border;  // costs of a label; see plane_labels.cpp
  float step, edge_sigma, edge_floor, jump;                // costs between neighbours
  int32_t iterations;
};

RECON_API void recon_plane_labels(const recon_plane_args* args);
