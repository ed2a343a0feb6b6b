// Triangles in a tree of boxes, to ask what lies nearest to a point and what a ray meets first.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "api.h"
#include "vector.h"

namespace recon {

struct Vec3 {
  float x, y, z;
};
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator*(float s, Vec3 a) { return {s * a.x, s * a.y, s * a.z}; }
inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

struct Closest {
  float squared;  // distance
  int32_t face;   // -1: there is none
  Vec3 at;
};

class TriangleTree {
 public:
  // Positions are kept in float32, less `origin`, from which all others count too.
  TriangleTree(const double* vertices, int64_t n_faces, const int32_t* faces, const double* origin);

  // The nearest place to a point; `guess`, a face of an earlier answer or -1, makes it faster where it is near.
  Closest nearest(Vec3 point, int32_t guess) const;
  // The place on one face that is nearest to a point.
  Closest nearest_on(int32_t face, Vec3 point) const {
    return face < 0 ? Closest{INFINITY, -1, point} : on(triangles_[slot_[face]], point);
  }
  // The face that a ray meets first, from either side; -1: none.
  int32_t first_hit(Vec3 origin, Vec3 direction) const;
  // Whether a point is shut in by matter, as Surface.encloses of recon/geometry/surface.py has it.
  bool encloses(Vec3 point) const;

  Vec3 local(const double* position) const {
    return {static_cast<float>(position[0] - origin_[0]), static_cast<float>(position[1] - origin_[1]),
            static_cast<float>(position[2] - origin_[2])};
  }
  Vec3 normal(int32_t face) const { return face < 0 ? Vec3{0, 0, 0} : triangles_[slot_[face]].normal; }
  const double* origin() const { return origin_; }

 private:
  struct Triangle {
    Vec3 a, ab, ac, normal;
    int32_t face;
  };
  struct Leaf {  // as many triangles as a register has lanes, some of them more than once
    Floats a[3], ab[3], ac[3], normal[3];
    Floats ab2, ac2, abac, bc2, scale;  // products of sides; 1 / |ab x ac|^2, NaN of a needle
    int32_t slot[kLanes];               // into triangles_
  };
  struct Node {  // with leaf >= 0 one; else its children are the next node and `second`
    float low[3], high[3];
    int32_t second, leaf;
  };
  void build(int32_t first, int32_t last);
  Leaf leaf_of(int32_t first, int32_t last) const;
  Closest on(const Triangle& triangle, Vec3 point) const;
  Floats squared_to(const Leaf& leaf, Vec3 point) const;

  double origin_[3];
  std::vector<Triangle> triangles_;
  std::vector<int32_t> slot_;  // by face
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
};

}  // namespace recon

RECON_API void* recon_tree(const double* vertices, int64_t n_faces, const int32_t* faces, const double* origin);
RECON_API void recon_free_tree(void* tree);
// Of points [n, 3]: the nearest positions [n, 3], faces [n] (-1 and the point itself where there is none) and unit normals [n, 3].
RECON_API void recon_nearest(const void* tree, int64_t n, const double* points, double* positions, int64_t* faces, double* normals);
