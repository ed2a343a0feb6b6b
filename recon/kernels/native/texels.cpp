#include "texels.h"

#include <algorithm>
#include <cmath>

#include "vector.h"

using namespace recon;

void recon_add_corrections(const recon_seen_texels* seen, const float* texture, float* sums) {
  constexpr int kBlock = 256, kAhead = 16;  // pixels whose exponentials are taken together; pixels that texels are asked for ahead
  const recon_seen_texels& s = *seen;
  const int64_t steps[4] = {0, 1, s.row, s.row + int64_t{1}};
  const Floats4 gain = {s.gain[0] / 255, s.gain[1] / 255, s.gain[2] / 255, 0};
  Floats4 missing[kBlock];
  float exponent[kBlock];
  for (int64_t begin = 0; begin < s.n; begin += kBlock) {
    const int count = static_cast<int>(std::min<int64_t>(kBlock, s.n - begin));
    std::fill(exponent + count, exponent + kBlock, 0.0f);
    for (int i = 0; i < count; ++i) {
      const int64_t at = begin + i;
      if (at + kAhead < s.n) {
        const int64_t next = s.texels[at + kAhead];
        for (const int64_t step : {steps[0], steps[2]})
          __builtin_prefetch(texture + 4 * (next + step)), __builtin_prefetch(sums + 4 * (next + step), 1);
      }
      const uint8_t* color = s.color + 3 * at;
      Floats4 off = Floats4{float(color[0]), float(color[1]), float(color[2]), 0} * gain;
      for (int k = 0; k < 4; ++k) off -= s.shares[4 * at + k] * load4(texture + 4 * (s.texels[at] + steps[k]));
      const float most = std::max(std::max(std::fabs(off[0]), std::fabs(off[1])), std::fabs(off[2])) / s.outlier;
      off[3] = 1;
      missing[i] = off, exponent[i] = -most * most;
    }
    for (int i = 0; i < count; i += kLanes) store(exponent + i, exponential(load(exponent + i)));
    for (int i = 0; i < count; ++i) {
      const int64_t at = begin + i;
      const Floats4 said = s.weight[at] * exponent[i] * missing[i];
      for (int k = 0; k < 4; ++k) {
        float* sum = sums + 4 * (s.texels[at] + steps[k]);
        store4(sum, load4(sum) + s.shares[4 * at + k] * said);
      }
    }
  }
}
