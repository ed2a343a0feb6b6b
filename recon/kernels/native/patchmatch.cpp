// Multi-view PatchMatch (Barnes 2009; Galliani 2015; Xu and Tao 2019) on slanted planes.
//
// A hypothesis of a pixel is q = n / d, the plane q . X = 1 in the camera frame, so that 1 / z = q . (u, v, 1) with
// u = (x - cx) / fx: propagation is copying q, and the homography to a source is linear in it. Four neighbouring pixels
// packed in 32 bits make a bilinear read one gather. Pixels of one colour of the checkerboard read only those of the other,
// and every random number is a hash of pixel and sweep: rows go to all threads, and results do not depend on their number.
#include "patchmatch.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "parallel.h"
#include "vector.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace recon {
namespace {

constexpr int kSamples = 32;  // of a window: a 6 x 6 grid without its corners
constexpr int kVectors = kSamples / kLanes;
constexpr int kMaxSources = 16;
constexpr int kSourceVectors = kMaxSources / kLanes;
constexpr float kWorst = 1.2f;       // of one source: worse than no correlation, for what lies outside its picture
constexpr float kImpossible = 9.0f;  // of a plane that no camera could see
constexpr float kMinCosine = 0.08f;
constexpr float kSame = 1e-3f;  // relative change of inverse depth: the same plane, as far as the pictures can tell
constexpr float kMaxJump = 0.1f;  // relative, between a pixel's depth and the one between it and its neighbours
constexpr int kBand = 8;  // rows that a thread takes at a time
constexpr int kPixels = 64;  // single ones, likewise

struct Random {
  uint32_t state;
  Random(uint32_t seed, uint32_t pixel) : state((seed * 0x9E3779B9u) ^ (pixel * 0x85EBCA6Bu + 0x27220A95u)) { next(), next(); }
  uint32_t next() {  // PCG, output hashed (O'Neill 2014)
    state = state * 747796405u + 2891336453u;
    const uint32_t word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737u;
    return (word >> 22) ^ word;
  }
  float unit() { return static_cast<float>(next() >> 8) * (1.0f / 16777216.0f); }
  float symmetric() { return 2 * unit() - 1; }
};

struct Plane {
  float x, y, z;
  float inverse_depth(float u, float v) const { return x * u + y * v + z; }
};

struct Pose {  // to from from
  float r[9], t[3];
};

Pose relative(const recon_stereo_view& from, const recon_stereo_view& to) {
  Pose pose;
  for (int i = 0; i < 3; ++i) {
    double shift = to.translation[i];
    for (int j = 0; j < 3; ++j) {
      double sum = 0;
      for (int k = 0; k < 3; ++k) sum += double{to.rotation[3 * i + k]} * from.rotation[3 * j + k];
      pose.r[3 * i + j] = static_cast<float>(sum);
      shift -= sum * from.translation[j];
    }
    pose.t[i] = static_cast<float>(shift);
  }
  return pose;
}

inline void moved(const Pose& pose, const float* p, float* out) {
  for (int i = 0; i < 3; ++i) out[i] = pose.r[3 * i] * p[0] + pose.r[3 * i + 1] * p[1] + pose.r[3 * i + 2] * p[2] + pose.t[i];
}

// Adds 32-bit values of a table at the indices; four grey values each.
inline Unsigned gather(const uint32_t* table, Ints index) {
#if defined(__AVX512F__)
  return (Unsigned)_mm512_i32gather_epi32((__m512i)index, table, 4);
#elif defined(__AVX2__)
  return (Unsigned)_mm256_i32gather_epi32(reinterpret_cast<const int*>(table), (__m256i)index, 4);
#else
  Unsigned v;
  for (int i = 0; i < kLanes; ++i) v[i] = table[index[i]];
  return v;
#endif
}


inline Floats reciprocal(Floats z) {  // relative error below 1e-7
#if defined(__AVX512F__)
  const Floats guess = (Floats)_mm512_rcp14_ps((__m512)z);
  return guess * (2.0f - z * guess);
#else
  return 1.0f / z;
#endif
}

inline bool any(Ints v) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)v, (__m512i)v) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)v, (__m256i)v);
#else
  int32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= v[i];
  return bits != 0;
#endif
}

// Where the samples of a window lie, and how much they say by their distance alone.
struct Window {
  float across[kSamples], down[kSamples], nearness[kSamples];
};

Window window(const int32_t* far, float sigma) {
  Window w;
  int k = 0;
  for (int y : {-far[2], -far[1], -far[0], far[0], far[1], far[2]})
    for (int x : {-far[2], -far[1], -far[0], far[0], far[1], far[2]}) {
      if (std::abs(x) == far[2] && std::abs(y) == far[2]) continue;
      w.across[k] = static_cast<float>(x), w.down[k] = static_cast<float>(y);
      w.nearness[k] = std::exp(-static_cast<float>(x * x + y * y) / (2 * sigma * sigma));
      ++k;
    }
  return w;
}

// The window round a pixel of the reference picture: bilateral weights (sum 1) and grey values about their mean.
struct Patch {
  const Window* window;
  float u, v;  // of the pixel, in the plane z = 1
  Floats weights[kVectors], values[kVectors];
  float variance;
};

// A plane, and what all sources need to know of it at a pixel.
struct Hypothesis {
  Plane plane;
  float inverse_depth, right, down;  // at the pixel, and what it changes by from one pixel to the next
};

struct Source {
  const recon_stereo_view* view;
  float matrix[9], shift[3];  // pixels of the source (homogeneous) of a point of the reference frame
  float right[3], down[3];    // and what they change by from one pixel of the reference picture to the next, at infinity
  Pose back;                  // reference from source
};

class Matcher {
 public:
  explicit Matcher(const recon_stereo_args& args) : args_(args), view_(args.views[0]) {
    for (int n : {0, 1}) windows_[n] = window(args.reach[n], args.window_sigma[n]);
    for (int i = 0; i < 256; ++i) likeness_[i] = std::exp(-static_cast<float>(i) / args.color_sigma);
    for (int i = 1; i <= args.n_sources; ++i) sources_.push_back(source(args.views[i]));
    float centers[3][kMaxSources] = {};
    for (size_t i = 0; i < sources_.size(); ++i)
      for (int j = 0; j < 3; ++j) centers[j][i] = sources_[i].back.t[j];
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < kSourceVectors; ++k) centers_[j][k] = load(centers[j] + k * kLanes);
  }

  void all_costs() const {
    by_rows([&](int y) {
      for (int x = 0; x < view_.w; ++x) {
        const int i = y * view_.w + x;
        const Patch patch = patch_at(x, y);
        uint16_t& chosen = view_.chosen[i];
        view_.costs[i] = args_.choose || !chosen ? cost_of_all(patch, plane(i), &chosen)
                                                 : cost_of_chosen(patch, plane(i), chosen, kImpossible);
      }
    });
  }

  int64_t sweep() const {
    if (sources_.empty()) return 0;
    std::atomic<int64_t> n_tried{0};
    for (int color = 0; color < 2; ++color)
      by_rows([&](int y) {
        int64_t n = 0;
        for (int x = (y + color) & 1; x < view_.w; x += 2) n += visit(x, y);
        n_tried += n;
      });
    return n_tried;
  }

  // Of single pixels: entry i of the view's planes, costs and choices belongs to the i-th.
  void search(int n_pixels, const int32_t* pixels, int n_candidates, const float* candidates) const {
    if (sources_.empty()) return;
    parallel((n_pixels + kPixels - 1) / kPixels, [&](int part, int) {
      for (int i = part * kPixels; i < std::min((part + 1) * kPixels, n_pixels); ++i) {
        const Patch patch = patch_at(pixels[2 * i], pixels[2 * i + 1]);
        Best best = best_of(i);
        best.cost = cost_of_all(patch, best.plane, &best.chosen);
        for (const float* q = candidates + size_t{3} * n_candidates * i; q < candidates + size_t{3} * n_candidates * (i + 1); q += 3)
          attempt(patch, {q[0], q[1], q[2]}, &best);
        attempt_changes(patch, Random(args_.seed, static_cast<uint32_t>(i)), &best);
        keep(best, i);
      }
    });
  }

 private:
  template <class Row>
  void by_rows(const Row& row) const {
    parallel((view_.h + kBand - 1) / kBand, [&](int band, int) {
      for (int y = band * kBand; y < std::min((band + 1) * kBand, view_.h); ++y) row(y);
    });
  }

  Source source(const recon_stereo_view& view) const {
    Source s{&view, {}, {}, {}, {}, relative(view, view_)};
    const Pose there = relative(view_, view);
    for (int j = 0; j < 3; ++j) {
      s.matrix[j] = view.fx * there.r[j] + view.cx * there.r[6 + j];
      s.matrix[3 + j] = view.fy * there.r[3 + j] + view.cy * there.r[6 + j];
      s.matrix[6 + j] = there.r[6 + j];
    }
    s.shift[0] = view.fx * there.t[0] + view.cx * there.t[2];
    s.shift[1] = view.fy * there.t[1] + view.cy * there.t[2];
    s.shift[2] = there.t[2];
    for (int i = 0; i < 3; ++i) s.right[i] = s.matrix[3 * i] / view_.fx, s.down[i] = s.matrix[3 * i + 1] / view_.fy;
    return s;
  }

  Plane plane(int i) const { return {view_.planes[3 * i], view_.planes[3 * i + 1], view_.planes[3 * i + 2]}; }

  int grey(int x, int y) const { return static_cast<int>(view_.quads[y * view_.w + x] & 255u); }

  // As narrow as it can be and still show something.
  Patch patch_at(int x, int y) const {
    const Patch narrow = patch_in(windows_[0], x, y);
    return narrow.variance < args_.enough_variance ? patch_in(windows_[1], x, y) : narrow;
  }

  Patch patch_in(const Window& window, int x, int y) const {
    Patch patch;
    patch.window = &window;
    patch.u = (static_cast<float>(x) + 0.5f - view_.cx) / view_.fx;
    patch.v = (static_cast<float>(y) + 0.5f - view_.cy) / view_.fy;
    const Floats middle = splat(static_cast<float>(grey(x, y))), zero{};
    Floats total{}, weighted{};
    for (int k = 0; k < kVectors; ++k) {
      const Ints xx = x + truncated(load(window.across + k * kLanes)), yy = y + truncated(load(window.down + k * kLanes));
      const Ints inside = (xx >= 0) & (yy >= 0) & (xx < view_.w) & (yy < view_.h);
      const Floats value = floats(gather(view_.quads, (yy * view_.w + xx) & inside) & 255u);
      const Ints unlike = truncated(maximum(value - middle, middle - value));
      const Floats likeness = (Floats)gather(reinterpret_cast<const uint32_t*>(likeness_), unlike);
      const Floats weight = inside ? likeness * load(window.nearness + k * kLanes) : zero;
      patch.weights[k] = weight, patch.values[k] = value;
      total += weight, weighted += weight * value;
    }
    const float scale = 1 / sum(total), mean = sum(weighted) * scale;
    Floats squares{};
    for (int k = 0; k < kVectors; ++k) {
      patch.weights[k] *= scale, patch.values[k] -= mean;
      squares += patch.weights[k] * patch.values[k] * patch.values[k];
    }
    patch.variance = sum(squares);
    return patch;
  }

  bool is_possible(const Patch& patch, const Plane& q, Hypothesis* hypothesis) const {
    const float iz = q.inverse_depth(patch.u, patch.v);
    *hypothesis = {q, iz, q.x / view_.fx, q.y / view_.fy};
    if (!(iz * view_.far > 1 && iz * view_.near < 1)) return false;
    const float steepness = q.x * q.x + q.y * q.y + q.z * q.z, ray = patch.u * patch.u + patch.v * patch.v + 1;
    return iz * iz > kMinCosine * kMinCosine * steepness * ray;
  }

  // 1 - the bilateral NCC of the window warped by the plane's homography, and the geometric term.
  float source_cost(const Source& s, const Patch& patch, const Hypothesis& q) const {
    const recon_stereo_view& view = *s.view;
    float base[3], right[3], down[3];
    for (int i = 0; i < 3; ++i) {
      const float* m = s.matrix + 3 * i;
      base[i] = m[0] * patch.u + m[1] * patch.v + m[2] + s.shift[i] * q.inverse_depth;
      right[i] = s.right[i] + s.shift[i] * q.right;
      down[i] = s.down[i] + s.shift[i] * q.down;
    }
    if (base[2] <= 1e-6f) return kWorst;
    const Floats x_end = splat(static_cast<float>(view.w) - 1.001f), y_end = splat(static_cast<float>(view.h) - 1.001f);
    const Floats zero{};
    Floats sum{}, squares{}, products{};
    Ints outside{};
    for (int k = 0; k < kVectors; ++k) {
      const Floats dx = load(patch.window->across + k * kLanes), dy = load(patch.window->down + k * kLanes), w = patch.weights[k];
      const Floats z = base[2] + right[2] * dx + down[2] * dy;
      const Floats per_z = reciprocal(z);
      Floats x = (base[0] + right[0] * dx + down[0] * dy) * per_z - 0.5f;
      Floats y = (base[1] + right[1] * dx + down[1] * dy) * per_z - 0.5f;
      const Floats x_inside = minimum(maximum(x, zero), x_end), y_inside = minimum(maximum(y, zero), y_end);
      outside |= ((x != x_inside) | (y != y_inside) | (z <= zero)) & (w > zero);
      x = x_inside, y = y_inside;
      const Ints left = truncated(x), top = truncated(y);
      const Floats ax = x - floats(left), ay = y - floats(top);
      const Unsigned quad = gather(view.quads, top * view.w + left);
      const Floats a = floats(quad & 255u), b = floats((quad >> 8) & 255u), c = floats((quad >> 16) & 255u),
                   d = floats(quad >> 24);
      const Floats upper = a + ax * (b - a), lower = c + ax * (d - c);
      const Floats value = upper + ay * (lower - upper), weighted = w * value;
      sum += weighted;
      squares += weighted * value;
      products += weighted * patch.values[k];
    }
    if (any(outside)) return kWorst;
    const float mean = recon::sum(sum), variance = std::max(recon::sum(squares) - mean * mean, 0.0f);
    const float noise = args_.noise;
    const float ncc = recon::sum(products) / std::sqrt((variance + noise) * (patch.variance + noise));
    const float cost = std::min(1 - ncc, kWorst);
    return view.depth && args_.geometric_weight > 0
               ? cost + args_.geometric_weight * return_error(s, patch, base[0] / base[2], base[1] / base[2])
               : cost;
  }

  // Pixels between this pixel and where the depth of the source, at (x, y) of its picture, sends it back; capped.
  float return_error(const Source& s, const Patch& patch, float x, float y) const {
    const recon_stereo_view& view = *s.view;
    if (!(x >= 0 && y >= 0 && x < static_cast<float>(view.w) && y < static_cast<float>(view.h))) return args_.geometric_cap;
    const float depth = view.depth[static_cast<int>(y) * view.w + static_cast<int>(x)];
    if (depth <= 0) return args_.geometric_cap;
    const float there[3] = {(x - view.cx) / view.fx * depth, (y - view.cy) / view.fy * depth, depth};
    float here[3];
    moved(s.back, there, here);
    if (here[2] <= 0) return args_.geometric_cap;
    const float dx = (here[0] / here[2] - patch.u) * view_.fx, dy = (here[1] / here[2] - patch.v) * view_.fy;
    return std::min(std::sqrt(dx * dx + dy * dy), args_.geometric_cap);
  }

  // What each source costs more when the best are chosen, because it sees the place at too small an angle.
  void costs_of_lack(const Patch& patch, float inverse_depth, float* costs) const {
    const float z = 1 / inverse_depth, here[3] = {patch.u * z, patch.v * z, z};
    const float own = here[0] * here[0] + here[1] * here[1] + here[2] * here[2];
    for (int k = 0; k < kSourceVectors; ++k) {
      Floats product{}, other{};
      for (int j = 0; j < 3; ++j) {
        const Floats there = here[j] - centers_[j][k];
        product += here[j] * there, other += there * there;
      }
      const Floats zero{}, sine = square_root(maximum(1 - product * product / (own * other), zero));
      const Floats lack = maximum(1 - sine / args_.enough_angle, zero);
      store(costs + k * kLanes, args_.lack_cost * lack * lack);
    }
  }

  // Mean over the n_best sources that like the plane best at a sufficient angle; they become the chosen ones.
  float cost_of_all(const Patch& patch, const Plane& q, uint16_t* chosen) const {
    Hypothesis hypothesis;
    *chosen = 0;
    if (sources_.empty() || !is_possible(patch, q, &hypothesis)) return kImpossible;
    const int n = static_cast<int>(sources_.size()), n_best = std::min(args_.n_best, n);
    float costs[kMaxSources], lacks[kMaxSources], dearness[kMaxSources];
    int best[kMaxSources];  // by how dear they are
    costs_of_lack(patch, hypothesis.inverse_depth, lacks);
    for (int i = 0, n_found = 0; i < n; ++i) {
      costs[i] = source_cost(sources_[i], patch, hypothesis);
      dearness[i] = costs[i] + lacks[i];
      int at = n_found < n_best ? n_found++ : n_best;
      for (; at > 0 && dearness[i] < dearness[best[at - 1]]; --at)
        if (at < n_best) best[at] = best[at - 1];
      if (at < n_best) best[at] = i;
    }
    float total = 0;
    uint16_t bits = 0;
    for (int k = 0; k < n_best; ++k) total += costs[best[k]], bits |= static_cast<uint16_t>(1u << best[k]);
    *chosen = bits;
    return total / static_cast<float>(n_best);
  }

  // Mean over the chosen sources; stops as soon as it must exceed `least`.
  float cost_of_chosen(const Patch& patch, const Plane& q, uint16_t chosen, float least) const {
    Hypothesis hypothesis;
    if (!is_possible(patch, q, &hypothesis)) return kImpossible;
    const float n = static_cast<float>(__builtin_popcount(chosen)), limit = least * n;
    float total = 0;
    for (unsigned bits = chosen; bits; bits &= bits - 1) {
      total += source_cost(sources_[__builtin_ctz(bits)], patch, hypothesis);
      if (total >= limit) return kImpossible;
    }
    return total / n;
  }

  // The plane through depth 1 / inverse_depth whose normal is that of q (or the ray) shaken by `spread`.
  static Plane shaken(const Patch& patch, const Plane& q, float inverse_depth, float spread, Random& random) {
    const float length = std::sqrt(q.x * q.x + q.y * q.y + q.z * q.z);
    const float n[3] = {q.x / length + spread * random.symmetric(), q.y / length + spread * random.symmetric(),
                        q.z / length + spread * random.symmetric()};
    const float scale = inverse_depth / (n[0] * patch.u + n[1] * patch.v + n[2]);
    return {n[0] * scale, n[1] * scale, n[2] * scale};
  }

  struct Best {
    Plane plane;
    float cost;
    uint16_t chosen;
    int n_tried;  // hypotheses
  };

  // Takes the plane where it is cheaper; one that is the same, as far as the pictures can tell, is not tried.
  void attempt(const Patch& patch, const Plane& q, Best* best) const {
    const Plane& own = best->plane;
    const float iz = own.inverse_depth(patch.u, patch.v);
    const float change = std::fabs(q.inverse_depth(patch.u, patch.v) - iz) + 0.03f * (std::fabs(q.x - own.x) + std::fabs(q.y - own.y));
    if (change < kSame * iz) return;
    ++best->n_tried;
    uint16_t chosen = best->chosen;
    const float cost = args_.explore || !chosen ? cost_of_all(patch, q, &chosen) : cost_of_chosen(patch, q, chosen, best->cost);
    if (cost < best->cost) best->cost = cost, best->plane = q, best->chosen = chosen;
  }

  void attempt_changes(const Patch& patch, Random random, Best* best) const {
    for (int k = 0; k < args_.n_refinements; ++k) {
      const float iz = best->plane.inverse_depth(patch.u, patch.v);
      const float reach = std::exp2(-6.0f * random.unit());  // 1/64 to 1 of the spreads
      const float depth = args_.depth_spread * reach * random.symmetric();
      const int kind = k % 3;  // depth and normal, normal, depth
      attempt(patch,
              shaken(patch, best->plane, kind == 1 ? iz : iz * (1 + depth), kind == 2 ? 0 : args_.normal_spread * reach, random),
              best);
    }
  }

  Best best_of(int i) const { return {plane(i), view_.costs[i], view_.chosen[i], 0}; }

  void keep(const Best& best, int i) const {
    view_.costs[i] = best.cost;
    view_.chosen[i] = best.chosen;
    view_.planes[3 * i] = best.plane.x, view_.planes[3 * i + 1] = best.plane.y, view_.planes[3 * i + 2] = best.plane.z;
  }

  // Returns the number of hypotheses tried.
  int visit(int x, int y) const {
    const int w = view_.w, h = view_.h, i = y * w + x;
    const Patch patch = patch_at(x, y);
    Best best = best_of(i);
    const int steps[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    auto inside = [&](int xx, int yy) { return xx >= 0 && yy >= 0 && xx < w && yy < h; };
    for (const auto& step : steps)
      if (inside(x + step[0], y + step[1])) attempt(patch, plane(i + step[1] * w + step[0]), &best);
    for (int k = 0; k < args_.n_far; ++k) {  // the best of a strip; odd distances are of the other colour
      int found = -1;
      float lowest = kImpossible;
      for (int reach = 3; reach <= 19; reach += 4) {
        const int xx = x + steps[k & 3][0] * reach, yy = y + steps[k & 3][1] * reach;
        if (!inside(xx, yy)) break;
        if (view_.costs[yy * w + xx] < lowest) lowest = view_.costs[yy * w + xx], found = yy * w + xx;
      }
      if (found >= 0) attempt(patch, plane(found), &best);
    }
    attempt_changes(patch, Random(args_.seed, static_cast<uint32_t>(i)), &best);
    keep(best, i);
    return best.n_tried;
  }

  const recon_stereo_args& args_;
  const recon_stereo_view& view_;
  Window windows_[2];  // narrow and wide
  float likeness_[256];
  std::vector<Source> sources_;
  Floats centers_[3][kSourceVectors];  // of the sources, in the frame of the view
};

// The depth of a view between its pixels: inverse depth is linear on a plane, which matters where one is seen at a grazing angle;
// the nearest pixel's beside unknown ones and at jumps.
float depth_between(const recon_stereo_view& view, float x, float y) {
  const float nearest = view.depth[static_cast<int>(y) * view.w + static_cast<int>(x)];
  const int left = static_cast<int>(x + 0.5f) - 1, top = static_cast<int>(y + 0.5f) - 1;
  if (nearest <= 0 || left < 0 || top < 0 || left + 1 >= view.w || top + 1 >= view.h) return nearest;
  const float* d = view.depth + top * view.w + left;
  if (d[0] <= 0 || d[1] <= 0 || d[view.w] <= 0 || d[view.w + 1] <= 0) return nearest;
  const float ax = x - 0.5f - static_cast<float>(left), ay = y - 0.5f - static_cast<float>(top);
  const float upper = (1 - ax) / d[0] + ax / d[1], lower = (1 - ax) / d[view.w] + ax / d[view.w + 1];
  const float depth = 1 / ((1 - ay) * upper + ay * lower);
  return std::fabs(depth - nearest) < kMaxJump * nearest ? depth : nearest;
}

// What the source says of the depths of some rows of the view: adds to the three maps.
void count_agreement(const recon_stereo_view& view, const recon_stereo_view& source, int begin, int end, float pixels,
                     float relative_error, uint8_t* agreeing, uint8_t* through, float* sum) {
  const Pose there = relative(view, source), back = relative(source, view);
  for (int y = begin; y < end; ++y)
    for (int x = 0; x < view.w; ++x) {
      const int i = y * view.w + x;
      const float z = view.depth[i];
      if (z <= 0) continue;
      const float u = (static_cast<float>(x) + 0.5f - view.cx) / view.fx, v = (static_cast<float>(y) + 0.5f - view.cy) / view.fy;
      const float here[3] = {u * z, v * z, z};
      float p[3];
      moved(there, here, p);
      if (p[2] <= 0) continue;
      const float xs = p[0] / p[2] * source.fx + source.cx, ys = p[1] / p[2] * source.fy + source.cy;
      if (!(xs >= 0 && ys >= 0 && xs < static_cast<float>(source.w) && ys < static_cast<float>(source.h))) continue;
      const float depth = depth_between(source, xs, ys);
      if (depth <= 0) continue;
      if (depth > p[2] * (1 + 4 * relative_error)) {
        through[i] += through[i] < 255;
        continue;
      }
      const float other[3] = {(xs - source.cx) / source.fx * depth, (ys - source.cy) / source.fy * depth, depth};
      float r[3];
      moved(back, other, r);
      if (r[2] <= 0) continue;
      const float dx = (r[0] / r[2] - u) * view.fx, dy = (r[1] / r[2] - v) * view.fy;
      if (dx * dx + dy * dy < pixels * pixels && std::fabs(r[2] - z) < relative_error * z) agreeing[i] += 1, sum[i] += r[2];
    }
}

}  // namespace
}  // namespace recon

using namespace recon;

void recon_stereo_costs(const recon_stereo_args* args) { Matcher(*args).all_costs(); }

int64_t recon_stereo_sweep(const recon_stereo_args* args) { return Matcher(*args).sweep(); }

void recon_stereo_search(const recon_stereo_args* args, int32_t n_pixels, const int32_t* pixels, int32_t n_candidates,
                         const float* candidates) {
  Matcher(*args).search(n_pixels, pixels, n_candidates, candidates);
}

void recon_stereo_agreement(const recon_stereo_args* args, float pixels, float relative_error, uint8_t* agreeing, uint8_t* through,
                            float* mean_depth) {
  const recon_stereo_view& view = args->views[0];
  const int area = view.h * view.w;
  std::fill(agreeing, agreeing + area, uint8_t{0});
  std::fill(through, through + area, uint8_t{0});
  std::copy(view.depth, view.depth + area, mean_depth);
  parallel((view.h + kBand - 1) / kBand, [&](int band, int) {
    const int begin = band * kBand, end = std::min(begin + kBand, view.h);
    for (int i = 1; i <= args->n_sources; ++i)
      count_agreement(view, args->views[i], begin, end, pixels, relative_error, agreeing, through, mean_depth);
  });
  for (int i = 0; i < area; ++i) mean_depth[i] /= static_cast<float>(1 + agreeing[i]);
}
