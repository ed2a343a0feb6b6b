// Points of a hull are asked one after the other, and no more of them than it takes to say that it strays too far.
#include "strays.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "parallel.h"
#include "triangles.h"

namespace recon {
namespace {

constexpr double kDeep = 2;      // fine tolerances: farther from the surface all of a cell so large is shut in, or none of it
constexpr double kBehind = 0.5;  // cosine: straight behind a place is what lies within 60 degrees
// Steps of sequences that fill a cube of three and one of four dimensions evenly, however many are taken (Roberts, 2018).
constexpr double kSkin[3] = {0.8191725133961645, 0.6710436067037893, 0.5497004779019703};
constexpr double kInside[4] = {0.8566748838545029, 0.7338918566271260, 0.6287067210378087, 0.5385972572236101};

double held(double x, double low, double high) { return std::min(std::max(x, low), high); }

// The height of the floor over its plane below (u, v), as Relief.at of recon/export/relief.py.
double relief(const recon_limits& limits, double u, double v) {
  const auto cell = [](const double* lines, int32_t n, double x, double* share) {
    const int64_t i = std::min<int64_t>(std::max<int64_t>(std::lower_bound(lines, lines + n, x) - lines - 1, 0), n - 2);
    *share = held((x - lines[i]) / (lines[i + 1] - lines[i]), 0, 1);
    return i;
  };
  double s, t;
  const int64_t column = cell(limits.us, limits.n_us, u, &s), row = cell(limits.vs, limits.n_vs, v, &t);
  const double *lower = limits.heights + row * limits.n_us + column, *upper = lower + limits.n_us;
  if (lower[0] + upper[1] >= lower[1] + upper[0])
    return (1 - std::max(s, t)) * lower[0] + std::max(s - t, 0.0) * lower[1] + std::max(t - s, 0.0) * upper[0] +
           std::min(s, t) * upper[1];
  return std::max(1 - s - t, 0.0) * lower[0] + std::min(s, 1 - t) * lower[1] + std::min(t, 1 - s) * upper[0] +
         std::max(s + t - 1, 0.0) * upper[1];
}

bool is_fine(const recon_limits& limits, const double* p, double up) {
  if (!limits.has_floor) return true;
  const auto along = [p](const double* way) { return p[0] * way[0] + p[1] * way[1] + p[2] * way[2]; };
  double height = along(limits.normal) - limits.offset;
  if (limits.n_us) height -= relief(limits, along(limits.axes), along(limits.axes + 3));
  return height < limits.driven || (up > limits.level && height < limits.stood);
}

// What one thread knows of cells of space.
class Cells {
 public:
  struct Cell {
    Vec3 middle;
    float distance;          // from its middle to the surface
    int32_t face;            // nearest to its middle
    int8_t is_shut_in = -1;  // -1: nobody asked
  };
  Cells(const TriangleTree& tree, double side) : tree_(tree), side_(static_cast<float>(side)) {}

  Cell& at(Vec3 p) {
    const int64_t x = number(p.x), y = number(p.y), z = number(p.z);
    const auto [place, is_new] = cells_.try_emplace((x & kMask) << 42 | (y & kMask) << 21 | (z & kMask));
    Cell& cell = place->second;
    if (is_new) {
      cell.middle = {(static_cast<float>(x) + 0.5f) * side_, (static_cast<float>(y) + 0.5f) * side_,
                     (static_cast<float>(z) + 0.5f) * side_};
      const Closest nearest = tree_.nearest(cell.middle, guess_);
      cell.distance = std::sqrt(nearest.squared), guess_ = cell.face = nearest.face;
    }
    return cell;
  }
  bool encloses(Cell& cell) const {
    if (cell.is_shut_in < 0) cell.is_shut_in = tree_.encloses(cell.middle);
    return cell.is_shut_in;
  }
  // Whether the surface is farther from a point of a cell than its side.
  bool is_beside(const Cell& cell, Vec3 p) const {
    const Vec3 off = p - cell.middle;
    return cell.distance - std::sqrt(dot(off, off)) > side_;
  }

 private:
  static constexpr int64_t kMask = (1 << 21) - 1;
  int64_t number(float x) const { return static_cast<int64_t>(std::floor(x / side_)); }
  const TriangleTree& tree_;
  float side_;
  int32_t guess_ = -1;
  std::unordered_map<int64_t, Cell> cells_;
};

class StrayTrial {
 public:
  StrayTrial(const TriangleTree& tree, const recon_limits& limits) : tree(tree), limits(limits) {}
  void prepare() {  // for as many threads as there are now
    while (static_cast<int>(near.size()) < n_threads()) {
      near.emplace_back(tree, limits.fine);
      deep.emplace_back(tree, kDeep * limits.fine);
    }
  }
  const TriangleTree& tree;
  const recon_limits limits;
  std::vector<Cells> near, deep;  // by thread
};

// The points of one group that were asked so far.
class Group {
 public:
  Group(StrayTrial& trial, int thread, double looser)
      : tree_(trial.tree), limits_(trial.limits), near_(trial.near[thread]), deep_(trial.deep[thread]), looser_(looser) {}

  // `n_all`: points that may be asked by the end of the round. False where nothing that follows can bring the excess below `looser`.
  bool ask(const double* point, int64_t n_all) {
    const Vec3 p = tree_.local(point);
    Cells::Cell& deep = deep_.at(p);
    const bool is_deep = deep_.is_beside(deep, p);
    if (is_deep && deep_.encloses(deep)) return true;
    Cells::Cell& cell = near_.at(p);
    const Closest there = tree_.nearest_on(cell.face, p);
    if (there.squared <= limits_.fine * limits_.fine) {  // and so is the nearest place
      n_exposed_ += !lies_behind(p, there);
      return true;
    }
    const Closest nearest = tree_.nearest(p, cell.face);
    const Vec3 normal = tree_.normal(nearest.face);
    const double distance = std::sqrt(static_cast<double>(nearest.squared));
    const bool is_behind = lies_behind(p, nearest), fine = is_fine(limits_, point, normal.z);
    const double tolerance = fine ? limits_.fine : limits_.coarse;
    double excess = distance / (is_behind ? limits_.behind + tolerance : tolerance);
    const bool is_shut_in = excess > 1 && !is_deep && tree_.encloses(p);
    if (is_shut_in) excess = 1;
    n_exposed_ += !is_behind && !is_shut_in;
    worst_ = std::max(worst_, fine ? excess / 2 : excess);
    if (excess > 1) beyond_.push_back(excess);
    if (excess > looser_) least_beyond_ = std::min(least_beyond_, excess), ++n_beyond_;
    if (worst_ > looser_) return false;
    return n_beyond_ <= static_cast<int64_t>(limits_.spared * static_cast<double>(n_all));
  }

  // Of all points asked, at least 1; `is_cut_short`: `ask` has given up.
  double excess(bool is_cut_short) {
    if (is_cut_short) return worst_ > looser_ ? worst_ : least_beyond_;
    const size_t spared = static_cast<size_t>(limits_.spared * static_cast<double>(n_exposed_));
    if (spared >= beyond_.size()) return worst_;
    std::nth_element(beyond_.begin(), beyond_.end() - 1 - spared, beyond_.end());
    return std::max(*(beyond_.end() - 1 - spared), worst_);
  }

 private:
  bool lies_behind(Vec3 p, const Closest& nearest) const {
    return dot(nearest.at - p, tree_.normal(nearest.face)) > kBehind * std::sqrt(nearest.squared);
  }
  const TriangleTree& tree_;
  const recon_limits& limits_;
  Cells &near_, &deep_;
  double looser_, worst_ = 1, least_beyond_ = 1e300;
  int64_t n_exposed_ = 0, n_beyond_ = 0;
  std::vector<double> beyond_;  // excesses above 1
};

double fraction(double step, int64_t i) {
  const double x = 0.5 + step * static_cast<double>(i);
  return x - std::floor(x);
}

class Skin {
 public:
  Skin(const double* corners, int64_t n) : corners_(corners), ends_(n) {
    double total = 0;
    for (int64_t face = 0; face < n; ++face) {
      const double* c = corners + 9 * face;
      double ab[3], ac[3];
      for (int axis = 0; axis < 3; ++axis) ab[axis] = c[3 + axis] - c[axis], ac[axis] = c[6 + axis] - c[axis];
      const double x = ab[1] * ac[2] - ab[2] * ac[1], y = ab[2] * ac[0] - ab[0] * ac[2], z = ab[0] * ac[1] - ab[1] * ac[0];
      ends_[face] = total += 0.5 * std::sqrt(x * x + y * y + z * z);
    }
  }
  double area() const { return ends_.empty() ? 0 : ends_.back(); }

  // Point i of the skin, and point i inside.
  void points(int64_t i, double* skin, double* inside) const {
    at(fraction(kSkin[0], i), fraction(kSkin[1], i), fraction(kSkin[2], i), skin);
    double other[3];
    at(fraction(kInside[0], i), fraction(kInside[1], i), fraction(kInside[2], i), other);
    const double share = 0.1 + 0.8 * fraction(kInside[3], i);
    for (int axis = 0; axis < 3; ++axis) inside[axis] = skin[axis] + share * (other[axis] - skin[axis]);
  }

 private:
  void at(double place, double u, double v, double* point) const {
    const auto end = std::upper_bound(ends_.begin(), ends_.end() - 1, place * ends_.back());
    const double* c = corners_ + 9 * (end - ends_.begin());
    if (u + v > 1) u = 1 - u, v = 1 - v;
    for (int axis = 0; axis < 3; ++axis) point[axis] = c[axis] + u * (c[3 + axis] - c[axis]) + v * (c[6 + axis] - c[axis]);
  }
  const double* corners_;
  std::vector<double> ends_;
};

}  // namespace
}  // namespace recon

using namespace recon;

void* recon_strays(const void* tree, const recon_limits* limits) {
  return new StrayTrial(*static_cast<const TriangleTree*>(tree), *limits);
}

void recon_free_strays(void* strays) { delete static_cast<StrayTrial*>(strays); }

void recon_stray_points(void* strays, int64_t n_groups, const double* points, const int64_t* ends, double looser, double* excess) {
  StrayTrial& trial = *static_cast<StrayTrial*>(strays);
  trial.prepare();
  parallel(static_cast<int>(n_groups), [&](int k, int thread) {
    Group group(trial, thread, looser);
    bool goes_on = true;
    const int64_t first = k ? ends[k - 1] : 0;
    for (int64_t i = first; i < ends[k] && goes_on; ++i) goes_on = group.ask(points + 3 * i, ends[k] - first);
    excess[k] = group.excess(!goes_on);
  });
}

void recon_stray_hulls(void* strays, int64_t n_hulls, const double* corners, const int64_t* ends, int32_t n_rounds,
                       const int32_t* most, double apart, double looser, double* excess) {
  StrayTrial& trial = *static_cast<StrayTrial*>(strays);
  trial.prepare();
  parallel(static_cast<int>(n_hulls), [&](int k, int thread) {
    const int64_t first = k ? ends[k - 1] : 0;
    const Skin skin(corners + 9 * first, ends[k] - first);
    Group group(trial, thread, looser);
    excess[k] = 1;
    int64_t asked = 0;
    for (int32_t round = 0; round < n_rounds && excess[k] <= looser; ++round) {
      const double enough = std::max(skin.area() / (apart * apart), 16.0);
      const int64_t n = static_cast<int64_t>(std::min(enough, static_cast<double>(most[round])));
      bool goes_on = true;
      for (; asked < n && goes_on; ++asked) {
        double on[3], inside[3];
        skin.points(asked, on, inside);
        goes_on = group.ask(on, 2 * n) && group.ask(inside, 2 * n);
      }
      excess[k] = group.excess(!goes_on);
    }
  });
}
