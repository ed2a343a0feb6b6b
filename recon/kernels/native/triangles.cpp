// A tree of boxes by halves: each node is cut across its longest side where its triangles' middles are halved.
#include "triangles.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "parallel.h"

namespace recon {
namespace {

constexpr float kNeedle = 1e-6f;  // sine squared: of what is thinner only the sides are asked
constexpr int kDeep = 64;     // of a stack: halves of 2^32 triangles are 32 deep
constexpr int kChunk = 256;   // points that a thread takes at a time
constexpr float kInfinite = std::numeric_limits<float>::infinity();

float squared_to_box(const float* low, const float* high, Vec3 p) {
  const float x = std::max(std::max(low[0] - p.x, p.x - high[0]), 0.0f);
  const float y = std::max(std::max(low[1] - p.y, p.y - high[1]), 0.0f);
  const float z = std::max(std::max(low[2] - p.z, p.z - high[2]), 0.0f);
  return x * x + y * y + z * z;
}

// Where along a ray a box begins; infinite where it is missed or lies beyond `far`.
float entry(const float* low, const float* high, Vec3 o, Vec3 inverse, float far) {
  float near = 0.0f;
  const float from[3] = {o.x, o.y, o.z}, by[3] = {inverse.x, inverse.y, inverse.z};
  for (int axis = 0; axis < 3; ++axis) {
    const float one = (low[axis] - from[axis]) * by[axis], two = (high[axis] - from[axis]) * by[axis];
    near = std::max(near, std::min(one, two));  // a NaN, of a ray within the box's side, is passed over
    far = std::min(far, std::max(one, two));
  }
  return near <= far * 1.00001f ? near : kInfinite;
}

}  // namespace

TriangleTree::TriangleTree(const double* vertices, int64_t n_faces, const int32_t* faces, const double* origin)
    : slot_(n_faces, -1) {
  std::copy(origin, origin + 3, origin_);
  triangles_.reserve(n_faces);
  for (int64_t face = 0; face < n_faces; ++face) {
    const Vec3 a = local(vertices + 3 * faces[3 * face]), b = local(vertices + 3 * faces[3 * face + 1]),
               c = local(vertices + 3 * faces[3 * face + 2]);
    const Vec3 across = cross(b - a, c - a);
    const float size = std::sqrt(dot(across, across));
    if (std::isfinite(size))
      triangles_.push_back({a, b - a, c - a, (size > 0 ? 1 / size : 0) * across, static_cast<int32_t>(face)});
  }
  if (!triangles_.empty()) build(0, static_cast<int32_t>(triangles_.size()));
  for (size_t i = 0; i < triangles_.size(); ++i) slot_[triangles_[i].face] = static_cast<int32_t>(i);
}

void TriangleTree::build(int32_t first, int32_t last) {
  const size_t number = nodes_.size();
  Node node{{kInfinite, kInfinite, kInfinite}, {-kInfinite, -kInfinite, -kInfinite}, -1, -1};
  for (int32_t i = first; i < last; ++i) {
    const Triangle& t = triangles_[i];
    for (const Vec3 p : {t.a, t.a + t.ab, t.a + t.ac}) {
      const float at[3] = {p.x, p.y, p.z};
      for (int axis = 0; axis < 3; ++axis)
        node.low[axis] = std::min(node.low[axis], at[axis]), node.high[axis] = std::max(node.high[axis], at[axis]);
    }
  }
  if (last - first <= kLanes) {
    node.leaf = static_cast<int32_t>(leaves_.size());
    leaves_.push_back(leaf_of(first, last));
    nodes_.push_back(node);
    return;
  }
  nodes_.push_back(node);
  int axis = 0;
  for (int other = 1; other < 3; ++other)
    if (node.high[other] - node.low[other] > node.high[axis] - node.low[axis]) axis = other;
  const auto middle_of = [axis](const Triangle& t) {
    const Vec3 p = 3.0f * t.a + t.ab + t.ac;
    return axis == 0 ? p.x : axis == 1 ? p.y : p.z;
  };
  const int32_t middle = (first + last) / 2;
  std::nth_element(triangles_.begin() + first, triangles_.begin() + middle, triangles_.begin() + last,
                   [&](const Triangle& a, const Triangle& b) {
                     const float x = middle_of(a), y = middle_of(b);
                     return x < y || (x == y && a.face < b.face);
                   });
  build(first, middle);
  nodes_[number].second = static_cast<int32_t>(nodes_.size());
  build(middle, last);
}

TriangleTree::Leaf TriangleTree::leaf_of(int32_t first, int32_t last) const {
  Leaf leaf;
  for (int lane = 0; lane < kLanes; ++lane) {
    leaf.slot[lane] = std::min(first + lane, last - 1);
    const Triangle& t = triangles_[leaf.slot[lane]];
    const float a[3] = {t.a.x, t.a.y, t.a.z}, ab[3] = {t.ab.x, t.ab.y, t.ab.z}, ac[3] = {t.ac.x, t.ac.y, t.ac.z},
                normal[3] = {t.normal.x, t.normal.y, t.normal.z};
    for (int axis = 0; axis < 3; ++axis)
      leaf.a[axis][lane] = a[axis], leaf.ab[axis][lane] = ab[axis], leaf.ac[axis][lane] = ac[axis],
      leaf.normal[axis][lane] = normal[axis];
    const float ab2 = dot(t.ab, t.ab), ac2 = dot(t.ac, t.ac), abac = dot(t.ab, t.ac);
    leaf.ab2[lane] = ab2, leaf.ac2[lane] = ac2, leaf.abac[lane] = abac, leaf.bc2[lane] = ab2 + ac2 - 2 * abac;
    const Vec3 across = cross(t.ab, t.ac);
    const float square = dot(across, across);
    leaf.scale[lane] = square > kNeedle * ab2 * ac2 ? 1 / square : NAN;
  }
  return leaf;
}

// To the plane where the foot lies inside, else to the nearest side.
Floats TriangleTree::squared_to(const Leaf& t, Vec3 point) const {
  const Floats x = point.x - t.a[0], y = point.y - t.a[1], z = point.z - t.a[2], zero{}, one = splat(1);
  const Floats d1 = t.ab[0] * x + t.ab[1] * y + t.ab[2] * z, d2 = t.ac[0] * x + t.ac[1] * y + t.ac[2] * z;
  const Floats v = (t.ac2 * d1 - t.abac * d2) * t.scale, w = (t.ab2 * d2 - t.abac * d1) * t.scale;
  const auto off = [&](Floats v, Floats w) {
    const Floats i = x - v * t.ab[0] - w * t.ac[0], j = y - v * t.ab[1] - w * t.ac[1], k = z - v * t.ab[2] - w * t.ac[2];
    return i * i + j * j + k * k;
  };
  const auto within = [&](Floats share) { return minimum(maximum(share, zero), one); };
  const Floats along_bc = within((d2 - d1 + t.ab2 - t.abac) / t.bc2);
  const Floats to_side = minimum(minimum(off(within(d1 / t.ab2), zero), off(zero, within(d2 / t.ac2))), off(one - along_bc, along_bc));
  const Floats high = t.normal[0] * x + t.normal[1] * y + t.normal[2] * z;
  return (v >= 0.0f) & (w >= 0.0f) & (v + w <= 1.0f) ? high * high : to_side;
}

Closest TriangleTree::on(const Triangle& t, Vec3 point) const {
  const Vec3 ap = point - t.a, across = cross(t.ab, t.ac);
  const float d1 = dot(t.ab, ap), d2 = dot(t.ac, ap), ab2 = dot(t.ab, t.ab), ac2 = dot(t.ac, t.ac), abac = dot(t.ab, t.ac);
  const float square = dot(across, across);
  const auto at = [&](float v, float w) {
    const Vec3 place = t.a + v * t.ab + w * t.ac, off = point - place;
    return Closest{dot(off, off), t.face, place};
  };
  if (square > kNeedle * ab2 * ac2) {
    const float v = (ac2 * d1 - abac * d2) / square, w = (ab2 * d2 - abac * d1) / square;
    if (v >= 0 && w >= 0 && v + w <= 1) return at(v, w);
  }
  const auto within = [](float part, float whole) { return whole > 0 ? std::min(std::max(part / whole, 0.0f), 1.0f) : 0.0f; };
  const float along_bc = within(d2 - d1 + ab2 - abac, ab2 + ac2 - 2 * abac);
  Closest best = at(within(d1, ab2), 0);
  for (const Closest& other : {at(0, within(d2, ac2)), at(1 - along_bc, along_bc)})
    if (other.squared < best.squared) best = other;
  return best;
}

Closest TriangleTree::nearest(Vec3 point, int32_t guess) const {
  Closest best{kInfinite, -1, point};
  if (nodes_.empty()) return best;
  if (guess >= 0) best = on(triangles_[slot_[guess]], point);
  struct {
    int32_t node;
    float squared;
  } stack[kDeep];
  int n = 0;
  stack[n++] = {0, squared_to_box(nodes_[0].low, nodes_[0].high, point)};
  while (n) {
    const auto top = stack[--n];
    if (top.squared >= best.squared) continue;
    const Node& node = nodes_[top.node];
    if (node.leaf >= 0) {
      const Leaf& leaf = leaves_[node.leaf];
      const Floats squared = squared_to(leaf, point);
      const float least = lowest(squared);
      if (!(least < best.squared)) continue;
      int nearest = 0;
      while (nearest < kLanes - 1 && squared[nearest] != least) ++nearest;
      const Closest found = on(triangles_[leaf.slot[nearest]], point);
      if (found.squared < best.squared) best = found;
      continue;
    }
    const int32_t left = top.node + 1, right = node.second;
    const float to_left = squared_to_box(nodes_[left].low, nodes_[left].high, point);
    const float to_right = squared_to_box(nodes_[right].low, nodes_[right].high, point);
    const bool is_left_first = to_left <= to_right;
    if (std::max(to_left, to_right) < best.squared)
      stack[n++] = is_left_first ? decltype(top){right, to_right} : decltype(top){left, to_left};
    if (std::min(to_left, to_right) < best.squared)
      stack[n++] = is_left_first ? decltype(top){left, to_left} : decltype(top){right, to_right};
  }
  return best;
}

int32_t TriangleTree::first_hit(Vec3 origin, Vec3 direction) const {
  int32_t hit = -1;
  if (nodes_.empty()) return hit;
  const Vec3 inverse{1 / direction.x, 1 / direction.y, 1 / direction.z};
  float far = kInfinite;
  struct {
    int32_t node;
    float near;
  } stack[kDeep];
  int n = 0;
  stack[n++] = {0, entry(nodes_[0].low, nodes_[0].high, origin, inverse, far)};
  while (n) {
    const auto top = stack[--n];
    if (!(top.near < far)) continue;
    const Node& node = nodes_[top.node];
    if (node.leaf < 0) {
      const int32_t left = top.node + 1, right = node.second;
      const float one = entry(nodes_[left].low, nodes_[left].high, origin, inverse, far);
      const float two = entry(nodes_[right].low, nodes_[right].high, origin, inverse, far);
      if (std::max(one, two) < far) stack[n++] = one <= two ? decltype(top){right, two} : decltype(top){left, one};
      if (std::min(one, two) < far) stack[n++] = one <= two ? decltype(top){left, one} : decltype(top){right, two};
      continue;
    }
    const Leaf& t = leaves_[node.leaf];  // Moeller and Trumbore
    const Floats px = direction.y * t.ac[2] - direction.z * t.ac[1], py = direction.z * t.ac[0] - direction.x * t.ac[2],
                 pz = direction.x * t.ac[1] - direction.y * t.ac[0];
    const Floats x = origin.x - t.a[0], y = origin.y - t.a[1], z = origin.z - t.a[2];
    const Floats qx = y * t.ab[2] - z * t.ab[1], qy = z * t.ab[0] - x * t.ab[2], qz = x * t.ab[1] - y * t.ab[0];
    const Floats scale = 1.0f / (t.ab[0] * px + t.ab[1] * py + t.ab[2] * pz);
    const Floats u = (x * px + y * py + z * pz) * scale, v = (direction.x * qx + direction.y * qy + direction.z * qz) * scale;
    const Floats at = (t.ac[0] * qx + t.ac[1] * qy + t.ac[2] * qz) * scale;
    const Floats distance = (u >= 0.0f) & (v >= 0.0f) & (u + v <= 1.0f) & (at >= 0.0f) ? at : splat(kInfinite);
    const float least = lowest(distance);
    if (!(least < far)) continue;
    int lane = 0;
    while (lane < kLanes - 1 && distance[lane] != least) ++lane;
    far = least, hit = triangles_[t.slot[lane]].face;
  }
  return hit;
}

bool TriangleTree::encloses(Vec3 point) const {
  constexpr int kRays = 14;
  constexpr float kLeast = 0.4f * kRays, s = 0.57735027f;
  static const Vec3 ways[kRays] = {{1, 0, 0},   {-1, 0, 0},  {0, 1, 0},    {0, -1, 0},  {0, 0, 1},    {0, 0, -1},   {s, s, s},
                                   {-s, -s, -s}, {s, s, -s}, {-s, -s, s}, {s, -s, s}, {-s, s, -s}, {-s, s, s}, {s, -s, -s}};
  int behind = 0, front = 0;
  for (int i = 0; i < kRays; ++i) {
    const int left = kRays - i;
    const float needed = std::max(static_cast<float>(front), kLeast);
    if (behind + left <= needed) return false;
    if (behind > std::max(static_cast<float>(front + left), kLeast)) return true;
    const float facing = dot(normal(first_hit(point, ways[i])), ways[i]);
    behind += facing > 0, front += facing < 0;
  }
  return behind > std::max(static_cast<float>(front), kLeast);
}

}  // namespace recon

using namespace recon;

void* recon_tree(const double* vertices, int64_t n_faces, const int32_t* faces, const double* origin) {
  return new TriangleTree(vertices, n_faces, faces, origin);
}

void recon_free_tree(void* tree) { delete static_cast<TriangleTree*>(tree); }

void recon_nearest(const void* handle, int64_t n, const double* points, double* positions, int64_t* faces, double* normals) {
  const TriangleTree& tree = *static_cast<const TriangleTree*>(handle);
  parallel(static_cast<int>((n + kChunk - 1) / kChunk), [&](int chunk, int) {
    int32_t guess = -1;
    for (int64_t i = static_cast<int64_t>(chunk) * kChunk; i < std::min<int64_t>((chunk + 1ll) * kChunk, n); ++i) {
      const Closest found = tree.nearest(tree.local(points + 3 * i), guess);
      guess = faces[i] = found.face;
      const Vec3 normal = tree.normal(found.face);
      const float at[3] = {found.at.x, found.at.y, found.at.z}, along[3] = {normal.x, normal.y, normal.z};
      for (int axis = 0; axis < 3; ++axis) {
        positions[3 * i + axis] = found.face < 0 ? points[3 * i + axis] : at[axis] + tree.origin()[axis];
        normals[3 * i + axis] = along[axis];
      }
    }
  });
}
