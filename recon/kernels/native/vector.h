// One register of floats at a time, by the compiler's vector extensions: 16 lanes with AVX-512, 8 with AVX2, 4 with SSE or NEON.
// Wider vectors would be legal everywhere, but GCC takes comparisons and conversions of them apart, lane by lane.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace recon {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Unsigned __attribute__((vector_size(4 * kLanes)));
typedef float Floats4 __attribute__((vector_size(16)));

inline Floats load(const float* p) {
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Floats v) { std::memcpy(p, &v, sizeof v); }
inline void store(uint32_t* p, Unsigned v) { std::memcpy(p, &v, sizeof v); }
inline Floats4 load4(const float* p) {
  Floats4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store4(float* p, Floats4 v) { std::memcpy(p, &v, sizeof v); }
inline Floats splat(float x) { return Floats{} + x; }

inline Floats minimum(Floats a, Floats b) { return a < b ? a : b; }
inline Floats maximum(Floats a, Floats b) { return a > b ? a : b; }

// Lane i of the result is lane i ^ Far of v: registers only, where taking halves would go through memory and wait for it.
template <int Far>
inline Floats swapped(Floats v) {
  Ints from;
  for (int i = 0; i < kLanes; ++i) from[i] = i ^ Far;
#if defined(__clang__)
  Floats result;
  for (int i = 0; i < kLanes; ++i) result[i] = v[from[i]];
  return result;
#else
  return __builtin_shuffle(v, from);
#endif
}

// By halves: lane i and lane i + n / 2 first, down to one.
inline float sum(Floats v) {
  if constexpr (kLanes > 8) v += swapped<8>(v);
  if constexpr (kLanes > 4) v += swapped<4>(v);
  v += swapped<2>(v);
  v += swapped<1>(v);
  return v[0];
}

inline Floats square_root(Floats x) {
  float v[kLanes];
  store(v, x);
  for (float& value : v) value = std::sqrt(value);
  return load(v);
}

// Lane i of the result is lane `from[i]` of v.
inline Ints permute(Ints v, Ints from) {
#if defined(__clang__)
  Ints result;
  for (int i = 0; i < kLanes; ++i) result[i] = v[from[i]];
  return result;
#else
  return __builtin_shuffle(v, from);
#endif
}

inline Floats relu(Floats x) { return x > 0.0f ? x : Floats{}; }

// exp(x) for x in [-87, 88], relative error below 2e-7: 2^n times a polynomial on [-ln2/2, ln2/2] (Cephes).
inline Floats exponential(Floats x) {
  x = x > 88.0f ? splat(88.0f) : x;
  x = x < -87.0f ? splat(-87.0f) : x;
  const Floats magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer in the low mantissa bits
  Floats shifted = x * 1.44269504088896341f + magic;
  Floats n = shifted - magic;
  Floats r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Floats p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + 0x3f800000;  // the magic number's own low bits vanish in the shift
  Floats scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

}  // namespace recon
