// Labels every pixel with a plane of the scene, or none: min-sum belief propagation on the pixel grid.
//
// Cost of plane k at a pixel:
//   confirmed depth    misfit * min(1, |difference of depth| / tolerance) * confidence
//   none confirmed     outside, where it lies behind a shell (a plane behind which nothing is)
//                    + seen_through * share of other views whose depth lies behind it
//                    + unseen, where no other view has a depth on it
//                    + unlike * how differently other views see that spot
//                    + away * how far the nearest known matter of the plane is
//                    + border * how little of the border of the pixel's region lies on the plane
// of no plane: 0 where a depth is confirmed, else `none`. Between neighbours p, q with labels k, l:
//   min(step * (edge_floor + (1 - edge_floor) exp(-|grey difference| / edge_sigma)), jump * |log depth of k - of l| at p)
// so that labels change where the picture has an edge or where the planes meet.
#include "plane_labels.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "parallel.h"
#include "vector.h"

namespace recon {
namespace {

constexpr float kNever = 1e3f;
constexpr float kMinCosine = 0.04f;
constexpr float kShellMargin = 2;  // thicknesses that a label may lie behind a shell

struct Label {
  const recon_plane* plane;
  int index;
  float q[3];  // 1 / z = q . (u, v, 1) in this camera
};

inline void rotated(const float* r, const float* p, float* out) {
  for (int i = 0; i < 3; ++i) out[i] = r[3 * i] * p[0] + r[3 * i + 1] * p[1] + r[3 * i + 2] * p[2];
}

class Labelling {
 public:
  Labelling(const recon_plane_args& args, int view) : args_(args), view_(args.views[view]) {
    const float* r = view_.rotation;
    for (int i = 0; i < 3; ++i)
      center_[i] = -(r[i] * view_.translation[0] + r[3 + i] * view_.translation[1] + r[6 + i] * view_.translation[2]);
    for (int k = 0; k < args.n_planes; ++k) add_if_visible(args.planes[k], k);
    for (int i = 0; i < args.n_sources; ++i) {
      const int s = args.sources[view * args.n_sources + i];
      if (s >= 0) sources_.push_back(&args.views[s]);
    }
    n_ = static_cast<int>(labels_.size()) + 1;  // label 0: none
    width_ = (n_ + kLanes - 1) / kLanes * kLanes;
    area_ = view_.h * view_.w;
    costs_.assign(static_cast<size_t>(area_) * width_, kNever);
    depths_.assign(static_cast<size_t>(area_) * width_, 0.0f);
  }

  void run() {
    for (int y = 0; y < view_.h; ++y)
      for (int x = 0; x < view_.w; ++x) price(x, y);
    for (auto& m : messages_) m.assign(static_cast<size_t>(area_) * width_, 0.0f);
    for (int i = 0; i < args_.iterations; ++i) pass_messages();
    for (int i = 0; i < area_; ++i) decide(i);
  }

 private:
  void add_if_visible(const recon_plane& plane, int index) {
    const float height = plane.normal[0] * center_[0] + plane.normal[1] * center_[1] + plane.normal[2] * center_[2] - plane.offset;
    if (height <= 0) return;  // seen from behind
    float local[3];
    rotated(view_.rotation, plane.normal, local);
    Label label{&plane, index, {}};
    for (int i = 0; i < 3; ++i) label.q[i] = -local[i] / height;
    for (const int y : {0, view_.h / 2, view_.h - 1})
      for (const int x : {0, view_.w / 2, view_.w - 1})
        if (inverse_depth(label, x, y) > 1 / view_.far) {
          labels_.push_back(label);
          return;
        }
  }

  float u(int x) const { return (static_cast<float>(x) + 0.5f - view_.cx) / view_.fx; }
  float v(int y) const { return (static_cast<float>(y) + 0.5f - view_.cy) / view_.fy; }
  float inverse_depth(const Label& label, int x, int y) const { return label.q[0] * u(x) + label.q[1] * v(y) + label.q[2]; }

  void price(int x, int y) {
    const int i = y * view_.w + x;
    float* costs = costs_.data() + static_cast<size_t>(i) * width_;
    float* depths = depths_.data() + static_cast<size_t>(i) * width_;
    const float known = view_.depth[i];
    costs[0] = known > 0 || view_.is_closed[i] ? 0 : args_.none;
    if (view_.is_closed[i] && !(known > 0)) return;
    for (int k = 1; k < n_; ++k) {
      const Label& label = labels_[k - 1];
      const float iz = inverse_depth(label, x, y);
      if (!(iz * view_.far > 1 && iz * view_.near < 1)) continue;
      const float* q = label.q;
      const float ray = u(x) * u(x) + v(y) * v(y) + 1;
      if (iz * iz < kMinCosine * kMinCosine * (q[0] * q[0] + q[1] * q[1] + q[2] * q[2]) * ray) continue;
      depths[k] = -std::log(iz);
      if (known > 0) {
        const float error = std::fabs(known * iz - 1) / args_.tolerance;
        costs[k] = args_.misfit * std::min(error * error, 1.0f) * view_.confidence[i];
      } else {
        costs[k] = cost_of_unknown(label, x, y, 1 / iz, view_.grey[i]);
        costs[k] += args_.border * view_.off_border[static_cast<size_t>(view_.regions[i]) * args_.n_planes + label.index];
      }
    }
  }

  float cost_of_unknown(const Label& label, int x, int y, float depth, float grey) const {
    const float local[3] = {u(x) * depth, v(y) * depth, depth};
    float point[3];  // world: rotation transposed, then the centre
    for (int i = 0; i < 3; ++i)
      point[i] = view_.rotation[i] * local[0] + view_.rotation[3 + i] * local[1] + view_.rotation[6 + i] * local[2] + center_[i];
    for (int k = 0; k < args_.n_planes; ++k) {
      const recon_plane& shell = args_.planes[k];
      if (!shell.is_shell || &shell == label.plane) continue;
      const float height = shell.normal[0] * point[0] + shell.normal[1] * point[1] + shell.normal[2] * point[2] - shell.offset;
      if (height < -kShellMargin * shell.thickness) return args_.outside;
    }
    int n_through = 0, n_on = 0, n_compared = 0;
    float unlike = 0;
    for (const recon_plane_view* source : sources_) {
      float p[3];
      rotated(source->rotation, point, p);
      for (int i = 0; i < 3; ++i) p[i] += source->translation[i];
      if (p[2] <= 0) continue;
      const float xs = p[0] / p[2] * source->fx + source->cx, ys = p[1] / p[2] * source->fy + source->cy;
      if (!(xs >= 0 && ys >= 0 && xs < static_cast<float>(source->w) && ys < static_cast<float>(source->h))) continue;
      const int j = static_cast<int>(ys) * source->w + static_cast<int>(xs);
      const float there = source->depth[j];
      const float relative = there / p[2] - 1;
      if (there > 0 && relative < -2 * args_.tolerance) continue;  // hidden
      if (there > 0) (relative > 3 * args_.tolerance ? n_through : n_on) += 1;
      if (there <= 0 && source->is_closed[j]) n_through += 1;  // the sky is behind it
      unlike += std::min(std::fabs(static_cast<float>(source->grey[j]) - grey) / args_.gain_spread, 1.0f);
      ++n_compared;
    }
    float cost = args_.seen_through * static_cast<float>(n_through) / (static_cast<float>(n_through + n_on) + 0.5f);
    if (n_on == 0) cost += args_.unseen;
    if (n_compared) cost += args_.unlike * unlike / static_cast<float>(n_compared);
    return cost + args_.away * distance(*label.plane, point);
  }

  static float distance(const recon_plane& plane, const float* p) {
    const float a = plane.across[0] * p[0] + plane.across[1] * p[1] + plane.across[2] * p[2];
    const float b = plane.along[0] * p[0] + plane.along[1] * p[1] + plane.along[2] * p[2];
    const float column = (a - plane.low[0]) / plane.cell, row = (b - plane.low[1]) / plane.cell;
    if (!(column >= 0 && row >= 0 && column < static_cast<float>(plane.columns) && row < static_cast<float>(plane.rows))) return plane.beyond;
    return plane.distances[static_cast<int>(row) * plane.columns + static_cast<int>(column)];
  }

  // Incoming messages of every pixel: 0 from the left, 1 from the right, 2 from above, 3 from below.
  void pass_messages() {
    const int w = view_.w, h = view_.h;
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x + 1 < w; ++x) send(y * w + x, y * w + x + 1, 0);
      for (int x = w - 1; x > 0; --x) send(y * w + x, y * w + x - 1, 1);
    }
    for (int x = 0; x < w; ++x) {
      for (int y = 0; y + 1 < h; ++y) send(y * w + x, (y + 1) * w + x, 2);
      for (int y = h - 1; y > 0; --y) send(y * w + x, (y - 1) * w + x, 3);
    }
  }

  void send(int from, int to, int direction) {
    float belief[kMaxWidth];
    const size_t at = static_cast<size_t>(from) * width_;
    const int back = direction ^ 1;  // what came from `to` does not count
    Floats lowest = splat(1e9f);
    for (int k = 0; k < width_; k += kLanes) {
      Floats sum = load(costs_.data() + at + k);
      for (int d = 0; d < 4; ++d)
        if (d != back) sum += load(messages_[d].data() + at + k);
      store(belief + k, sum);
      lowest = minimum(lowest, sum);
    }
    float values[kLanes];
    store(values, lowest);
    const float least = *std::min_element(values, values + kLanes);
    const float contrast = std::abs(static_cast<int>(view_.grey[from]) - static_cast<int>(view_.grey[to]));
    const float step = args_.step * (args_.edge_floor + (1 - args_.edge_floor) * std::exp(-contrast / args_.edge_sigma));
    float* out = messages_[direction].data() + static_cast<size_t>(to) * width_;
    const float* depths = depths_.data() + at;
    for (int k = 0; k < width_; k += kLanes) store(out + k, minimum(load(belief + k), splat(least + step)));
    for (int k = 1; k < n_; ++k) {
      if (belief[k] >= least + step || depths[k] == 0) continue;
      for (int l = 0; l < width_; l += kLanes) {
        Floats difference = load(depths + l) - depths[k];
        difference = maximum(difference, -difference);
        const Floats via = belief[k] + args_.jump * difference;
        Floats now = load(out + l);
        // label 0 and impossible ones have no depth: only the step leads there
        const Floats possible = load(depths + l);
        now = possible != Floats{} ? minimum(now, via) : now;
        store(out + l, now);
      }
    }
    for (int k = 0; k < width_; k += kLanes) store(out + k, load(out + k) - least);
  }

  void decide(int i) {
    const size_t at = static_cast<size_t>(i) * width_;
    float best = 1e9f, second = 1e9f;
    int chosen = 0;
    for (int k = 0; k < n_; ++k) {
      float sum = costs_[at + k];
      for (const auto& m : messages_) sum += m[at + k];
      if (sum < best) second = best, best = sum, chosen = k;
      else if (sum < second) second = sum;
    }
    view_.labels[i] = static_cast<int16_t>(chosen ? labels_[chosen - 1].index : -1);
    view_.margins[i] = second - best;
  }

  static constexpr int kMaxWidth = 272;
  const recon_plane_args& args_;
  const recon_plane_view& view_;
  float center_[3];
  std::vector<Label> labels_;
  std::vector<const recon_plane_view*> sources_;
  int n_, width_, area_;
  std::vector<float> costs_, depths_, messages_[4];
};

}  // namespace
}  // namespace recon

void recon_plane_labels(const recon_plane_args* args) {
  recon::parallel(args->n_views, [&](int view, int) { recon::Labelling(*args, view).run(); });
}
