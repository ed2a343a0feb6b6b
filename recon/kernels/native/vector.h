// One register of floats at a time, by the compiler's vector extensions: 16 lanes with AVX-512, 8 with AVX2, 4 with SSE or NEON.
// Wider vectors would be legal everywhere, but GCC takes comparisons and conversions of them apart, lane by lane.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__F16C__)
#include <immintrin.h>
#endif

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
typedef uint16_t Half;  // the bits of a finite number in half precision

inline Floats load(const float* p) {
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Floats v) { std::memcpy(p, &v, sizeof v); }
inline void store(uint32_t* p, Unsigned v) { std::memcpy(p, &v, sizeof v); }
inline void store(int32_t* p, Ints v) { std::memcpy(p, &v, sizeof v); }
inline Ints load(const int32_t* p) {
  Ints v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline Floats floats(Ints v) { return __builtin_convertvector(v, Floats); }
inline Floats floats(Unsigned v) { return floats(reinterpret_cast<Ints>(v)); }
inline Ints truncated(Floats v) { return __builtin_convertvector(v, Ints); }
inline Ints bits_of(Floats v) { return reinterpret_cast<Ints>(v); }
inline Floats of_bits(Ints v) { return reinterpret_cast<Floats>(v); }
inline Floats4 load4(const float* p) {
  Floats4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline Floats4 load4(const Half* p) {
#if defined(__F16C__)
  return reinterpret_cast<Floats4>(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  typedef uint16_t Halves4 __attribute__((vector_size(8)));
  typedef int32_t Ints4 __attribute__((vector_size(16)));
  Halves4 halves;
  std::memcpy(&halves, p, sizeof halves);
  const Ints4 bits = __builtin_convertvector(halves, Ints4);
  // the exponent begins at another place: the product puts it right, of subnormal numbers too
  const Floats4 size = reinterpret_cast<Floats4>((bits & 0x7fff) << 13) * 0x1p112f;
  return reinterpret_cast<Floats4>(reinterpret_cast<Ints4>(size) | (bits & 0x8000) << 16);
#endif
}
inline float single(float x) { return x; }
inline float single(Half x) {
  const Half four[4] = {x};
  return load4(four)[0];
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

inline float lowest(Floats v) {
  if constexpr (kLanes > 8) v = minimum(v, swapped<8>(v));
  if constexpr (kLanes > 4) v = minimum(v, swapped<4>(v));
  v = minimum(v, swapped<2>(v));
  v = minimum(v, swapped<1>(v));
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
inline float exponential(float x) { return std::exp(x); }

// ln x less at most 1e-3, x > 0: the exponent, and a polynomial for the mantissa.
inline Floats logarithm_below(Floats x) {
  const Floats exponent = floats((bits_of(x) >> 23) - 127), m = of_bits((bits_of(x) & 0x007fffff) | 0x3f800000) - 1.0f;
  const Floats log2 = m * (1.4425449f + m * (-0.7181452f + m * (0.4575485f + m * (-0.2779042f + m * (0.1219754f - m * 0.0260194f)))));
  return 0.69314718f * (exponent + log2);
}

}  // namespace recon
