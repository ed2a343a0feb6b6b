// Nearest and second nearest descriptors both ways, exactly, by one pass over all distances.
//
// |a - b|^2 = |a|^2 + |b|^2 - 2 a . b in integers. Values are widened to 16 bits, so that one instruction multiplies and adds pairs
// of them. A tile of distances is kRows of ours by one register of others; what is nearest in each column is kept in registers over
// the rows of a chunk, what is nearest in each row per lane, and its lanes are compared at the end.
#include "descriptors.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "vector.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace recon {
namespace {

constexpr int kSize = 128;         // values of a descriptor
constexpr int kPairs = kSize / 2;  // two of 16 bits in one lane
constexpr int kRows = kLanes == 16 ? 16 : 8;
constexpr int kChunk = 64;  // rows that stay in the first cache
constexpr int kFar = std::numeric_limits<int32_t>::max() / 4;

// Adds the products of the two 16-bit values in each lane.
inline Ints multiply_add(Ints sum, Ints a, Ints b) {
#if defined(__AVX512VNNI__)
  return (Ints)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif defined(__AVX512BW__)
  return sum + (Ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return sum + (Ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return sum + (Ints)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  return sum + (a & 0xffff) * (b & 0xffff) + (a >> 16) * (b >> 16);
#endif
}

// The nearest so far of each lane, the second nearest, and which the nearest is.
struct Nearest {
  Ints first, second, which;

  void see(Ints distance, Ints index) {
    const Ints between = distance > first ? distance : first;
    second = second < between ? second : between;
    which = distance < first ? index : which;
    first = distance < first ? distance : first;
  }
};

Ints same(int32_t value) { return Ints{} + value; }

// Descriptors in pairs of values, whole groups of `group` at a time; those that are not there are far from everything.
struct Packed {
  int count, padded;
  std::vector<int32_t> pairs, squares;  // [padded, kPairs] or, of columns, [padded / kLanes, kPairs, kLanes]; [padded]

  Packed(int n, const uint8_t* values, int group, bool is_columns)
      : count(n), padded((n + group - 1) / group * group), pairs(size_t(padded) * kPairs), squares(padded, kFar) {
    for (int i = 0; i < n; ++i) {
      const uint8_t* v = values + size_t(i) * kSize;
      int32_t square = 0;
      for (int k = 0; k < kPairs; ++k) {
        const size_t at = is_columns ? (size_t(i / kLanes) * kPairs + k) * kLanes + i % kLanes : size_t(i) * kPairs + k;
        pairs[at] = v[2 * k] | v[2 * k + 1] << 16;
        square += v[2 * k] * v[2 * k] + v[2 * k + 1] * v[2 * k + 1];
      }
      squares[i] = square;
    }
  }
};

// Distances of kRows rows to the columns of one register.
inline void see_tile(const Packed& rows, int row, const Packed& columns, int column, Ints lanes, Nearest* of_rows, Nearest* of_column) {
  const int32_t* a = rows.pairs.data() + size_t(row) * kPairs;
  const int32_t* b = columns.pairs.data() + size_t(column) * kPairs;
  Ints sums[kRows] = {};
  for (int k = 0; k < kPairs; ++k) {
    const Ints theirs = load(b + k * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sums[r] = multiply_add(sums[r], same(a[r * kPairs + k]), theirs);
  }
  const Ints squares = load(columns.squares.data() + column);
#pragma GCC unroll 16  // else the sums live in memory, which doubles the time
  for (int r = 0; r < kRows; ++r) {
    const Ints distance = squares + rows.squares[row + r] - 2 * sums[r];
    of_rows[r].see(distance, column + lanes);
    of_column->see(distance, same(row + r));
  }
}

struct Found {
  int32_t first, second, which;

  int32_t accepted(float max_ratio, float max_distance) const {
    const float ratio = max_ratio * max_ratio, limit = max_distance * max_distance;
    const auto near = static_cast<float>(first), next = static_cast<float>(second);
    return near <= limit && near < ratio * next ? which : -1;
  }
};

Found over_lanes(const Nearest& nearest) {
  Found found{nearest.first[0], nearest.second[0], nearest.which[0]};
  for (int i = 1; i < kLanes; ++i) {
    found.second = std::min({found.second, nearest.second[i], std::max(found.first, nearest.first[i])});
    if (nearest.first[i] < found.first) found.first = nearest.first[i], found.which = nearest.which[i];
  }
  return found;
}

}  // namespace
}  // namespace recon

using namespace recon;

int32_t recon_mutual_nearest(int32_t n, const uint8_t* ours, int32_t m, const uint8_t* others, float max_ratio, float max_distance,
                             int32_t* nearest) {
  const Packed rows(n, ours, kRows, false), columns(m, others, kLanes, true);
  const Nearest none{same(kFar), same(kFar), same(-1)};
  std::vector<Nearest> of_columns(columns.padded / kLanes, none);
  int32_t lane[kLanes];
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  const Ints lanes = load(lane);
  for (int begin = 0; begin < rows.padded; begin += kChunk) {
    const int end = std::min(begin + kChunk, rows.padded);
    Nearest of_rows[kChunk];
    std::fill(of_rows, of_rows + kChunk, none);
    for (int column = 0; column < columns.padded; column += kLanes) {
      Nearest of_column = of_columns[column / kLanes];
      for (int row = begin; row < end; row += kRows)
        see_tile(rows, row, columns, column, lanes, of_rows + (row - begin), &of_column);
      of_columns[column / kLanes] = of_column;
    }
    for (int row = begin; row < std::min(end, n); ++row)
      nearest[row] = over_lanes(of_rows[row - begin]).accepted(max_ratio, max_distance);
  }
  int32_t count = 0;
  for (int i = 0; i < n; ++i) {
    if (nearest[i] < 0) continue;
    const Nearest& back = of_columns[nearest[i] / kLanes];
    const int k = nearest[i] % kLanes;
    if (Found{back.first[k], back.second[k], back.which[k]}.accepted(max_ratio, max_distance) != i) nearest[i] = -1;
    count += nearest[i] >= 0;
  }
  return count;
}
