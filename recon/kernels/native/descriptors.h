// Features of two pictures that look alike: what Python calls (descriptors.py).
#pragma once

#include <cstdint>

#include "api.h"

// Which of `others` [m, 128] is nearest to each of `ours` [n, 128], by the Euclidean distance of 8-bit descriptors: where both are each
// other's nearest, at most `max_distance` apart, and either way nearer than `max_ratio` times the second nearest; else -1.
// nearest: [n]. Returns how many there are. One thread.
RECON_API int32_t recon_mutual_nearest(int32_t n, const uint8_t* ours, int32_t m, const uint8_t* others, float max_ratio,
                                       float max_distance, int32_t* nearest);
