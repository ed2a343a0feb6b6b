// What this machine's memory can do, for bench.py to compare the hash grid with.
#include <vector>

#include "api.h"
#include "parallel.h"
#include "vector.h"

using namespace recon;

float recon_gather(const float* table, const int32_t* rows, int64_t n) {
  std::vector<float> sums(n_threads());
  parallel(n_threads(), [&](int i, int) {
    Floats4 acc[4] = {};
    const int64_t begin = n * i / n_threads() / 4 * 4, end = n * (i + 1) / n_threads() / 4 * 4;
    for (int64_t s = begin; s < end; s += 4)
      for (int k = 0; k < 4; ++k) acc[k] += load4(table + 4 * int64_t{rows[s + k]});
    for (const Floats4& a : acc) sums[i] += a[0] + a[1] + a[2] + a[3];
  });
  float sum = 0;
  for (float s : sums) sum += s;
  return sum;
}

void recon_scatter(float* const* tables, const int32_t* rows, int64_t n) {
  parallel(n_threads(), [&](int i, int) {
    const Floats4 one = {1, 1, 1, 1};
    for (int64_t s = n * i / n_threads(); s < n * (i + 1) / n_threads(); ++s) {
      float* row = tables[i] + 4 * int64_t{rows[s]};
      store4(row, load4(row) + one);
    }
  });
}
