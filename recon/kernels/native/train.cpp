// One training step: blocks of whole rays from their encoded samples through both networks, compositing, loss and all of it
// backwards while the block is in cache, then the scatter of the feature gradients level by level.
#include <chrono>
#include <cstring>

#include "api.h"
#include "field.h"
#include "parallel.h"

namespace recon {
namespace {

constexpr int kBlock = 256;  // samples a block: its activations fit in a 512 KB cache

struct Transposed {
  std::vector<float> density[2], color[3];
};

std::vector<float> transposed(const float* w, int n_out, int n_in) {
  std::vector<float> t(static_cast<size_t>(n_out) * n_in);
  for (int j = 0; j < n_out; ++j)
    for (int k = 0; k < n_in; ++k) t[static_cast<size_t>(k) * n_out + j] = w[static_cast<size_t>(j) * n_in + k];
  return t;
}

struct Gradients {  // of the layers, one per thread
  std::vector<float> density[2], color[3];
  double loss = 0;
};

// Where half of a ray's light is left: t_start + (ln 2 - optical depth before) / sigma of the sample in which that happens.
struct Median {
  float optical = 0, t = 0, sigma = 1;
  int sample = -1;

  void pass(int i, float density, float t_start, float t_end) {
    if (sample >= 0) return;
    const float missing = kLn2 - optical;
    optical += density * (t_end - t_start);
    if (optical >= kLn2) sample = i, sigma = density, t = std::min(t_start + missing / density, t_end);
  }
};

// Everything one thread needs to take a block of rays forward and back.
struct Worker {
  DensityBlock density;
  ColorBlock color;
  Rows d_geometry_, d_hidden_, d_x_, d_rgb_, d_c2_, d_c1_, d_in_;
  std::vector<float> transmittance, weight, near_scale, d_logit, d_weight;
  std::vector<int> alive, alive_ray;
};

class Step {
 public:
  Step(const recon_train_args& a) : a_(a), field_(a.field) {
    const int w = field_.width, e = field_.n_encoded(), c = kHarmonics + kGeometry;
    t_.density[0] = transposed(field_.density_layers[0], w, e);
    t_.density[1] = transposed(field_.density_layers[1], kGeometry, w);
    t_.color[0] = transposed(field_.color_layers[0], w, c);
    t_.color[1] = transposed(field_.color_layers[1], w, w);
    t_.color[2] = transposed(field_.color_layers[2], 3, w);
    sizes_density_[0] = w * e, sizes_density_[1] = kGeometry * w;
    sizes_color_[0] = w * c, sizes_color_[1] = w * w, sizes_color_[2] = 3 * w;
  }

  double run() {
    place_samples();
    const int64_t n = a_.n_samples;
    const float* position[3] = {position_[0].data(), position_[1].data(), position_[2].data()};
    cut_blocks();
    std::vector<Gradients> gradients(n_threads());
    for (auto& g : gradients) {
      for (int i = 0; i < 2; ++i) g.density[i].assign(sizes_density_[i], 0);
      for (int i = 0; i < 3; ++i) g.color[i].assign(sizes_color_[i], 0);
    }
    std::vector<Worker> workers(n_threads());
    const double started = now();
    parallel(static_cast<int>(blocks_.size()) - 1, [&](int i, int thread) {
      block(blocks_[i], blocks_[i + 1], workers[thread], gradients[thread]);
    });
    const double composited = now();
    parallel(field_.grid.n_levels, [&](int i, int) {
      scatter_level(field_.grid, i, position, n, a_.grad_features, n, a_.grad_table);
    });
    if (a_.seconds) a_.seconds[0] = composited - started, a_.seconds[1] = now() - composited;
    return reduce(gradients);
  }

 private:
  static double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

  void place_samples() {
    const int64_t n = a_.n_samples;
    for (auto& axis : position_) axis.resize(n);
    parallel(n_threads() * 4, [&](int i, int) {
      const int64_t pieces = n_threads() * 4;
      for (int64_t s = n * i / pieces; s < n * (i + 1) / pieces; ++s) {
        const float* o = a_.origins + 3 * a_.ray_indices[s];
        const float* d = a_.directions + 3 * a_.ray_indices[s];
        const float t = 0.5f * (a_.t_starts[s] + a_.t_ends[s]);
        const float p[3] = {o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2]};
        unit_position(field_, p, &position_[0][s], &position_[1][s], &position_[2][s]);
      }
    });
    first_.assign(a_.n_rays + 1, 0);
    for (int64_t s = 0; s < n; ++s) ++first_[a_.ray_indices[s] + 1];
    for (int64_t r = 0; r < a_.n_rays; ++r) first_[r + 1] += first_[r];
  }

  void cut_blocks() {
    blocks_.push_back(0);
    for (int64_t r = 1; r <= a_.n_rays; ++r) {
      const int64_t from = first_[blocks_.back()];
      if (r == a_.n_rays || first_[r + 1] - from > kBlock) blocks_.push_back(r);
    }
  }

  void block(int64_t ray_begin, int64_t ray_end, Worker& w, Gradients& g) {
    const int64_t begin = first_[ray_begin];
    const int n = static_cast<int>(first_[ray_end] - begin);
    w.density.resize(field_, n);
    w.density.transpose_features(field_, a_.features + begin * field_.n_encoded());
    w.density.forward(field_);
    transmit(ray_begin, ray_end, w);
    keep_alive(w);
    color(w);
    const int stride = w.density.stride;
    float* d_geometry = w.d_geometry_.resize(kGeometry, stride);
    std::fill(d_geometry, d_geometry + kGeometry * stride, 0.0f);
    composite(ray_begin, ray_end, w, g);
    color_backward(w, g, d_geometry);
    for (int c = 0; c < w.density.n; ++c) d_geometry[c] += w.d_logit[c];
    density_backward(w, g, d_geometry);
    const float* d_x = w.d_x_.resize(field_.n_encoded(), stride);
    for (int k = 0; k < field_.n_encoded(); ++k) {
      float* row = a_.grad_features + k * a_.n_samples + begin;
      std::fill(row, row + n, 0.0f);
      for (int c = 0; c < w.density.n; ++c) row[w.alive[c]] = d_x[k * stride + c];
    }
  }

  // From here on the density block holds only the samples that light reaches; the others have no gradient.
  void keep_alive(Worker& w) {
    DensityBlock& d = w.density;
    const int n = static_cast<int>(w.alive.size()), stride = padded(n);
    auto gather = [&](float* rows, int n_rows) {
      for (int k = 0; k < n_rows; ++k) {  // in place: rows and columns only move to the front
        for (int c = 0; c < n; ++c) rows[k * stride + c] = rows[k * d.stride + w.alive[c]];
        std::fill(rows + k * stride + n, rows + (k + 1) * stride, 0.0f);
      }
    };
    gather(d.x, field_.n_encoded());
    gather(d.hidden, field_.width);
    gather(d.geometry, kGeometry);
    gather(d.sigma, 1);
    gather(w.transmittance.data(), 1);
    gather(w.weight.data(), 1);
    gather(w.near_scale.data(), 1);
    d.n = n;
    d.stride = stride;
  }

  // Transmittance before each sample, weights, and the list of samples that light still reaches.
  void transmit(int64_t ray_begin, int64_t ray_end, Worker& w) {
    const int64_t begin = first_[ray_begin];
    w.transmittance.assign(w.density.stride, 0);
    w.weight.assign(w.density.stride, 0);
    w.near_scale.assign(w.density.stride, 1);
    w.alive.clear();
    w.alive_ray.clear();
    for (int64_t r = ray_begin; r < ray_end; ++r) {
      float optical = 0, before = 1;
      for (int64_t s = first_[r]; s < first_[r + 1]; ++s) {
        const int i = static_cast<int>(s - begin);
        w.transmittance[i] = before;
        if (before < a_.min_transmittance) continue;
        optical += w.density.sigma[i] * (a_.t_ends[s] - a_.t_starts[s]);
        const float after = std::exp(-optical);
        w.weight[i] = before - after;
        before = after;
        if (a_.near_scale > 0) {
          const float ratio = 0.5f * (a_.t_starts[s] + a_.t_ends[s]) / a_.near_scale;
          w.near_scale[i] = std::min(ratio * ratio, 1.0f);
        }
        w.alive.push_back(i);
        w.alive_ray.push_back(static_cast<int>(r));
      }
    }
  }

  void color(Worker& w) {
    w.color.resize(field_, static_cast<int>(w.alive.size()));
    const int stride = w.color.stride, from = w.density.stride;
    int last_ray = -1;
    float sh[kHarmonics] = {};
    for (int c = 0; c < w.color.n; ++c) {
      if (w.alive_ray[c] != last_ray) harmonics(a_.directions + 3 * (last_ray = w.alive_ray[c]), sh, 1);
      for (int k = 0; k < kHarmonics; ++k) w.color.in[k * stride + c] = sh[k];
    }
    for (int k = 0; k < kGeometry; ++k)
      std::copy(w.density.geometry + k * from, w.density.geometry + k * from + w.color.n, w.color.in + (kHarmonics + k) * stride);
    w.color.forward(field_);
  }

  // Colours and opacities of the rays, their loss, and its gradient back to each sample's logit and colour.
  void composite(int64_t ray_begin, int64_t ray_end, Worker& w, Gradients& g) {
    const int64_t begin = first_[ray_begin];
    const int stride = w.color.stride;
    const float per_channel = 1.0f / (3.0f * a_.n_rays), per_ray = 1.0f / a_.n_rays;
    float* d_rgb = w.d_rgb_.resize(3, stride);
    std::fill(d_rgb, d_rgb + 3 * stride, 0.0f);
    w.d_logit.assign(w.density.n, 0);
    int c = 0;
    for (int64_t r = ray_begin; r < ray_end; ++r) {
      const int c_begin = c;
      float sum[3] = {}, last = 1;
      Median median;
      for (; c < w.color.n && w.alive_ray[c] == r; ++c) {
        median.pass(c, w.density.sigma[c], a_.t_starts[begin + w.alive[c]], a_.t_ends[begin + w.alive[c]]);
        for (int k = 0; k < 3; ++k) sum[k] += w.weight[c] * w.color.rgb[k * stride + c];
        last = w.transmittance[c] - w.weight[c];
      }
      float grad[3], behind = 0;
      for (int k = 0; k < 3; ++k) {
        const float value = sum[k] + last * a_.backgrounds[3 * r + k], error = value - a_.targets[3 * r + k];
        const float size = std::fabs(error), delta = a_.huber_delta;
        g.loss += (size <= delta ? 0.5f * error * error / delta : size - 0.5f * delta) * per_channel;
        grad[k] = std::min(std::max(error / delta, -1.0f), 1.0f) * per_channel;
        behind += last * a_.backgrounds[3 * r + k] * grad[k];
        a_.colors[3 * r + k] = value;
        a_.grad_backgrounds[3 * r + k] = last * grad[k];
      }
      const float opacity = 1 - last, p = std::min(std::max(opacity, 1e-4f), 1 - 1e-4f);
      g.loss += a_.opacity_loss * per_ray * -(p * std::log(p) + (1 - p) * std::log1p(-p));
      const float d_opacity = p == opacity ? a_.opacity_loss * per_ray * (std::log1p(-p) - std::log(p)) : 0;
      a_.opacities[r] = opacity;
      distort(r, begin, c_begin, c, w, g);
      const float d_median = pull(r, median, g);
      for (int back = c - 1; back >= c_begin; --back) {
        const int64_t s = begin + w.alive[back];
        float along = w.d_weight[back];
        for (int k = 0; k < 3; ++k) {
          const float value = w.color.rgb[k * stride + back];
          along += value * grad[k];
          d_rgb[k * stride + back] = w.weight[back] * grad[k] * value * (1 - value) * w.near_scale[back];
        }
        const float after = w.transmittance[back] - w.weight[back];
        float d_sigma = (a_.t_ends[s] - a_.t_starts[s]) * (after * along - behind + last * d_opacity);
        if (back <= median.sample) d_sigma -= d_median * (std::min(a_.t_ends[s], median.t) - a_.t_starts[s]) / median.sigma;
        behind += w.weight[back] * along;
        const float logit = w.density.geometry[back];
        const float slope = logit > 15 || logit < -15 ? std::exp(std::min(std::max(logit, -15.0f), 15.0f)) : w.density.sigma[back];
        w.d_logit[back] = d_sigma * slope * w.near_scale[back];
      }
    }
  }

  // The depth loss of one ray and its gradient with respect to the distance at which half of the light is left.
  float pull(int64_t r, const Median& median, Gradients& g) const {
    if (!a_.known_distances || !(a_.known_distances[r] > 0) || median.sample < 0) return 0;
    const float known = a_.known_distances[r], rate = a_.depth_loss / (a_.n_rays * known), off = median.t - known;
    g.loss += rate * std::fabs(off);
    return off > 0 ? rate : off < 0 ? -rate : 0;
  }

  // The distortion loss of one ray (Barron et al. 2022, eq. 15) and its gradient with respect to each weight:
  // sum_ij w_i w_j |s_i - s_j| + sum_i w_i^2 ds_i / 3, by running sums, over folded distances s = t / (1 + t).
  void distort(int64_t r, int64_t begin, int c_begin, int c_end, Worker& w, Gradients& g) {
    w.d_weight.resize(w.density.n);
    const float per_ray = a_.distortion_loss / a_.n_rays;
    float mass = 0, moment = 0;  // over the samples before this one
    double loss = 0;
    auto fold = [](float t) { return t / (1 + t); };
    for (int c = c_begin; c < c_end; ++c) {
      const int64_t s = begin + w.alive[c];
      const float near = fold(a_.t_starts[s]), far = fold(a_.t_ends[s]), middle = 0.5f * (near + far), weight = w.weight[c];
      w.d_weight[c] = 2 * (mass * middle - moment) + 2.0f / 3 * weight * (far - near);
      loss += weight * (2 * (mass * middle - moment) + weight * (far - near) / 3);
      mass += weight;
      moment += weight * middle;
    }
    float mass_behind = 0, moment_behind = 0;
    for (int c = c_end - 1; c >= c_begin; --c) {
      const int64_t s = begin + w.alive[c];
      const float middle = 0.5f * (fold(a_.t_starts[s]) + fold(a_.t_ends[s]));
      w.d_weight[c] = per_ray * (w.d_weight[c] + 2 * (moment_behind - mass_behind * middle));
      mass_behind += w.weight[c];
      moment_behind += w.weight[c] * middle;
    }
    g.loss += per_ray * loss;
  }

  void color_backward(Worker& w, Gradients& g, float* d_geometry) {
    const int stride = w.color.stride, width = field_.width;
    if (w.color.n == 0) return;
    float* d_rgb = w.d_rgb_.resize(3, stride);
    float* d_c2 = w.d_c2_.resize(width, stride);
    float* d_c1 = w.d_c1_.resize(width, stride);
    float* d_in = w.d_in_.resize(kGeometry, stride);
    weight_gradient(d_rgb, 3, w.color.hidden2, width, stride, stride, g.color[2].data());
    layer(t_.color[2].data(), width, 3, d_rgb, d_c2, stride, stride);
    relu_gradient(w.color.hidden2, d_c2, width, stride, stride);
    weight_gradient(d_c2, width, w.color.hidden1, width, stride, stride, g.color[1].data());
    layer(t_.color[1].data(), width, width, d_c2, d_c1, stride, stride);
    relu_gradient(w.color.hidden1, d_c1, width, stride, stride);
    weight_gradient(d_c1, width, w.color.in, kHarmonics + kGeometry, stride, stride, g.color[0].data());
    layer(t_.color[0].data() + kHarmonics * width, kGeometry, width, d_c1, d_in, stride, stride);
    std::copy(d_in, d_in + kGeometry * stride, d_geometry);  // same samples, same stride
  }

  void density_backward(Worker& w, Gradients& g, const float* d_geometry) {
    const int stride = w.density.stride, width = field_.width;
    float* d_hidden = w.d_hidden_.resize(width, stride);
    float* d_x = w.d_x_.resize(field_.n_encoded(), stride);
    weight_gradient(d_geometry, kGeometry, w.density.hidden, width, stride, stride, g.density[1].data());
    layer(t_.density[1].data(), width, kGeometry, d_geometry, d_hidden, stride, stride);
    relu_gradient(w.density.hidden, d_hidden, width, stride, stride);
    weight_gradient(d_hidden, width, w.density.x, field_.n_encoded(), stride, stride, g.density[0].data());
    layer(t_.density[0].data(), field_.n_encoded(), width, d_hidden, d_x, stride, stride);
  }

  double reduce(const std::vector<Gradients>& gradients) {
    double loss = 0;
    for (int i = 0; i < 2; ++i) std::fill_n(a_.grad_density_layers[i], sizes_density_[i], 0.0f);
    for (int i = 0; i < 3; ++i) std::fill_n(a_.grad_color_layers[i], sizes_color_[i], 0.0f);
    for (const auto& g : gradients) {
      loss += g.loss;
      for (int i = 0; i < 2; ++i)
        for (int k = 0; k < sizes_density_[i]; ++k) a_.grad_density_layers[i][k] += g.density[i][k];
      for (int i = 0; i < 3; ++i)
        for (int k = 0; k < sizes_color_[i]; ++k) a_.grad_color_layers[i][k] += g.color[i][k];
    }
    return loss;
  }

  const recon_train_args& a_;
  const Field& field_;
  Transposed t_;
  int sizes_density_[2], sizes_color_[3];
  std::vector<float> position_[3];
  std::vector<int64_t> first_, blocks_;
};

}  // namespace
}  // namespace recon

double recon_train(const recon_train_args* args) { return recon::Step(*args).run(); }

namespace recon {
namespace {

struct Adam {
  float rate, beta1, beta2, epsilon, root;  // rate: learning rate over the first correction; root: of the inverse second one
  float kept;                               // of a value, before the step

  // kLanes entries of whole rows; rows without a gradient stay as they are
  void group(int row, float* parameters, float* gradients, float* mean, float* square) const {
    const Floats g = load(gradients);
    const Ints touched = spread(g != 0.0f, row);
    const Floats m0 = load(mean), v0 = load(square), p0 = load(parameters);
    const Floats m = beta1 * m0 + (1 - beta1) * g, v = beta2 * v0 + (1 - beta2) * g * g;
    const Floats p = kept * p0 - rate * m / (square_root(v) * root + epsilon);
    store(mean, touched ? m : m0);
    store(square, touched ? v : v0);
    store(parameters, touched ? p : p0);
    store(gradients, Floats{});
  }
  void entry(float& parameter, float& gradient, float& mean, float& square) const {
    mean = beta1 * mean + (1 - beta1) * gradient;
    square = beta2 * square + (1 - beta2) * gradient * gradient;
    parameter = kept * parameter - rate * mean / (std::sqrt(square) * root + epsilon);
    gradient = 0;
  }

 private:
  // all lanes of a row set where any is; row: a power of two
  static Ints spread(Ints mask, int row) {
    Ints lane;
    for (int i = 0; i < kLanes; ++i) lane[i] = i;
    for (int step = 1; step < row; step *= 2) mask |= permute(mask, lane ^ step);
    return mask;
  }
};

inline bool any_gradient(const float* gradients, int64_t n) {
  bool any = false;
  for (int64_t k = 0; k < n; ++k) any |= gradients[k] != 0;
  return any;
}

}  // namespace
}  // namespace recon

void recon_adam(int64_t n_rows, int row, float* parameters, float* gradients, float* mean, float* square, float learning_rate,
                float beta1, float beta2, float epsilon, float correction1, float correction2,
                float kept) {
  using namespace recon;
  const Adam adam{learning_rate / correction1, beta1, beta2, epsilon, 1 / std::sqrt(correction2), kept};
  const bool in_groups = row <= kLanes && kLanes % row == 0;
  const int64_t n = n_rows * row, size = in_groups ? kLanes : row, n_groups = n / size;
  const int pieces = n_threads() * 8;
  parallel(pieces, [&](int i, int) {
    for (int64_t g = n_groups * i / pieces; g < n_groups * (i + 1) / pieces; ++g) {
      const int64_t at = g * size;
      if (!any_gradient(gradients + at, size)) continue;
      if (in_groups)
        adam.group(row, parameters + at, gradients + at, mean + at, square + at);
      else
        for (int64_t k = at; k < at + size; ++k) adam.entry(parameters[k], gradients[k], mean[k], square[k]);
    }
  });
  for (int64_t at = n_groups * size; at < n; at += row)  // the rows that do not fill a group
    if (any_gradient(gradients + at, row))
      for (int64_t k = at; k < at + row; ++k) adam.entry(parameters[k], gradients[k], mean[k], square[k]);
}
