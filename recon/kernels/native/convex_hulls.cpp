// Quickhull (Barber, Dobkin, Huhdanpaa 1996) with triangles only. A point counts as outside a face from a billionth of the set's
// extent, so that no face is thinner than that; where rounding still tangles the horizon the set is given back as such.
#include "convex_hulls.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "parallel.h"

namespace recon {
namespace {

constexpr double kThin = 1e-9;  // of the extent

using Point = std::array<double, 3>;
Point minus(const Point& a, const Point& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
double product(const Point& a, const Point& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
Point across(const Point& a, const Point& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

struct Face {
  int32_t corner[3], beside[3];  // beside[i]: across the edge from corner i to the next
  Point normal;
  double offset;
  std::vector<int32_t> outside;  // points that it sees
  int32_t farthest = -1;
  double far = 0;
  bool is_gone = false, is_seen = false;
};

class Builder {
 public:
  Builder(const double* points, int32_t n) : n_(n), points_(n) {
    Point low{}, high{};
    for (int32_t i = 0; i < n; ++i)
      for (int axis = 0; axis < 3; ++axis) {
        const double x = points_[i][axis] = points[3 * i + axis] - points[axis];
        low[axis] = std::min(low[axis], x), high[axis] = std::max(high[axis], x);
      }
    thin_ = kThin * std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]});
  }

  HullFault build() {
    if (!begin()) return HullFault::kFlat;
    for (size_t next = 0; next < faces_.size(); ++next)
      while (!faces_[next].is_gone && faces_[next].farthest >= 0)
        if (!add(static_cast<int32_t>(next))) return HullFault::kTangled;
    return is_convex() ? HullFault::kNone : HullFault::kTangled;
  }

  std::vector<int32_t> corners() const {
    std::vector<int32_t> result;
    for (const Face& face : faces_)
      if (!face.is_gone) result.insert(result.end(), face.corner, face.corner + 3);
    return result;
  }

 private:
  double height(const Face& face, int32_t point) const { return product(face.normal, points_[point]) - face.offset; }

  bool begin() {  // with four points far from each other
    if (n_ < 4 || !(thin_ > 0)) return false;
    int32_t a = 0, b = 0, c = -1, d = -1;
    double most = 0;
    for (int axis = 0; axis < 3; ++axis) {
      const auto order = [&](int32_t i, int32_t j) { return points_[i][axis] < points_[j][axis]; };
      int32_t low = 0, high = 0;
      for (int32_t i = 1; i < n_; ++i) low = order(i, low) ? i : low, high = order(high, i) ? i : high;
      const double wide = points_[high][axis] - points_[low][axis];
      if (wide > most) most = wide, a = low, b = high;
    }
    const Point ab = minus(points_[b], points_[a]);
    most = thin_ * thin_ * product(ab, ab);
    for (int32_t i = 0; i < n_; ++i) {
      const Point normal = across(ab, minus(points_[i], points_[a]));
      if (product(normal, normal) > most) most = product(normal, normal), c = i;
    }
    if (c < 0) return false;
    Face base = face_of(a, b, c);
    most = thin_;
    for (int32_t i = 0; i < n_; ++i)
      if (std::fabs(height(base, i)) > most) most = std::fabs(height(base, i)), d = i;
    if (d < 0) return false;
    if (height(base, d) > 0) std::swap(b, c);
    faces_ = {face_of(a, b, c), face_of(b, a, d), face_of(c, b, d), face_of(a, c, d)};
    const int32_t beside[4][3] = {{1, 2, 3}, {0, 3, 2}, {0, 1, 3}, {0, 2, 1}};
    for (int k = 0; k < 4; ++k) std::copy(beside[k], beside[k] + 3, faces_[k].beside);
    for (int32_t i = 0; i < n_; ++i) give(i, 0);
    return true;
  }

  Face face_of(int32_t a, int32_t b, int32_t c) const {
    Face face{{a, b, c}, {-1, -1, -1}, across(minus(points_[b], points_[a]), minus(points_[c], points_[a])), 0, {}};
    const double size = std::sqrt(product(face.normal, face.normal));
    for (double& x : face.normal) x = size > 0 ? x / size : 0;
    face.offset = product(face.normal, points_[a]);
    return face;
  }

  void give(int32_t point, size_t first) {  // to the first face from there on that sees it
    for (size_t k = first; k < faces_.size(); ++k) {
      if (faces_[k].is_gone) continue;
      const double high = height(faces_[k], point);
      if (high <= thin_) continue;
      faces_[k].outside.push_back(point);
      if (high > faces_[k].far) faces_[k].far = high, faces_[k].farthest = point;
      return;
    }
  }

  bool add(int32_t start) {  // the point farthest outside a face; false where the horizon is no simple round
    const int32_t eye = faces_[start].farthest;
    std::vector<int32_t> seen = {start};
    faces_[start].is_seen = true;
    horizon_.clear();
    for (size_t i = 0; i < seen.size(); ++i)
      for (int side = 0; side < 3; ++side) {
        const int32_t other = faces_[seen[i]].beside[side];
        if (faces_[other].is_seen) continue;
        if (height(faces_[other], eye) > thin_) {
          faces_[other].is_seen = true;
          seen.push_back(other);
        }
      }
    for (const int32_t number : seen)
      for (int side = 0; side < 3; ++side) {
        const Face& face = faces_[number];
        if (!faces_[face.beside[side]].is_seen)
          horizon_.push_back({face.corner[side], face.corner[(side + 1) % 3], face.beside[side]});
      }
    const size_t first = faces_.size();
    if (!surround(eye)) return false;
    for (const int32_t number : seen) {
      faces_[number].is_gone = true;
      for (const int32_t point : faces_[number].outside)
        if (point != eye) give(point, first);
      std::vector<int32_t>().swap(faces_[number].outside);
    }
    return true;
  }

  bool surround(int32_t eye) {  // new faces from the eye to every edge of the horizon
    const int32_t first = static_cast<int32_t>(faces_.size()), n = static_cast<int32_t>(horizon_.size());
    if (n < 3) return false;
    for (int32_t i = 0; i + 1 < n; ++i) {  // in order round it
      int32_t next = i + 1;
      while (next < n && horizon_[next].from != horizon_[i].to) ++next;
      if (next == n) return false;
      std::swap(horizon_[i + 1], horizon_[next]);
    }
    if (horizon_[n - 1].to != horizon_[0].from) return false;
    for (int32_t i = 0; i < n; ++i) {
      const Edge& edge = horizon_[i];
      Face face = face_of(edge.from, edge.to, eye);
      face.beside[0] = edge.beyond;
      face.beside[1] = first + (i + 1) % n;
      face.beside[2] = first + (i + n - 1) % n;
      Face& beyond = faces_[edge.beyond];
      for (int side = 0; side < 3; ++side)
        if (beyond.corner[side] == edge.to && beyond.corner[(side + 1) % 3] == edge.from) beyond.beside[side] = first + i;
      faces_.push_back(std::move(face));
    }
    return true;
  }

  bool is_convex() const {  // no vertex stands before any face
    std::vector<int32_t> vertices = corners();
    std::sort(vertices.begin(), vertices.end());
    vertices.erase(std::unique(vertices.begin(), vertices.end()), vertices.end());
    for (const Face& face : faces_)
      if (!face.is_gone)
        for (const int32_t vertex : vertices)
          if (height(face, vertex) > 100 * thin_) return false;
    return true;
  }

  struct Edge {
    int32_t from, to, beyond;
  };
  int32_t n_;
  double thin_;
  std::vector<Point> points_;
  std::vector<Face> faces_;
  std::vector<Edge> horizon_;
};

}  // namespace

ConvexHull convex_hull(const double* points, int32_t n) {
  if (!std::all_of(points, points + 3 * static_cast<int64_t>(n), [](double x) { return std::isfinite(x); }))
    return {HullFault::kFlat, {}};
  Builder builder(points, n);
  const HullFault fault = builder.build();
  if (fault != HullFault::kNone) return {fault, {}};
  return {fault, builder.corners()};
}

}  // namespace recon

using namespace recon;

void recon_convex_hulls(int64_t n_sets, const double* points, const int64_t* ends, int64_t* vertices, int32_t* faces,
                        int64_t* counts, int32_t* faults) {
  parallel(static_cast<int>(n_sets), [&](int set, int) {
    const int64_t first = set ? ends[set - 1] : 0, n = ends[set] - first;
    const ConvexHull hull = convex_hull(points + 3 * first, static_cast<int32_t>(n));
    std::vector<int32_t> number(n, -1);
    for (const int32_t corner : hull.corners) number[corner] = 0;
    int64_t n_vertices = 0;
    for (int64_t i = 0; i < n; ++i)
      if (number[i] == 0) number[i] = static_cast<int32_t>(n_vertices), vertices[first + n_vertices++] = first + i;
    std::transform(hull.corners.begin(), hull.corners.end(), faces + 6 * first, [&](int32_t corner) { return number[corner]; });
    counts[2 * set] = n_vertices, counts[2 * set + 1] = static_cast<int64_t>(hull.corners.size() / 3);
    faults[set] = static_cast<int32_t>(hull.fault);
  });
}

void recon_heights_over(int64_t n_planes, const double* planes, int64_t n, const double* points, double* heights) {
  constexpr int kAtOnce = 64;
  double x[kAtOnce], y[kAtOnce], z[kAtOnce], most[kAtOnce];
  for (int64_t first = 0; first < n; first += kAtOnce) {
    const int64_t count = std::min<int64_t>(kAtOnce, n - first);
    for (int64_t i = 0; i < kAtOnce; ++i) {
      const double* p = points + 3 * (first + std::min(i, count - 1));
      x[i] = p[0], y[i] = p[1], z[i] = p[2], most[i] = -INFINITY;
    }
    for (int64_t k = 0; k < n_planes; ++k) {
      const double a = planes[4 * k], b = planes[4 * k + 1], c = planes[4 * k + 2], d = planes[4 * k + 3];
      for (int i = 0; i < kAtOnce; ++i) {
        const double height = a * x[i] + b * y[i] + c * z[i] + d;
        most[i] = height > most[i] ? height : most[i];
      }
    }
    std::copy(most, most + count, heights + first);
  }
}
