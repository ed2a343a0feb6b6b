// Looking at the field: densities at points, samples of rays, and whole rays with early termination.
#include <atomic>
#include <limits>

#include "api.h"
#include "field.h"
#include "march.h"
#include "parallel.h"

namespace recon {
namespace {

constexpr int kBlock = 256;    // samples a network block
constexpr int kRays = 1024;    // rays that one thread takes through the scene together
constexpr int kRound = 4;      // samples that a ray looks at before it is asked whether any light is left
constexpr float kGroupWeight = 0.05f;  // neighbours on a ray share one colour up to this share of it

struct Sample {
  int ray;
  float t_start, t_end, weight;
  int round, column;  // where its encoding lies
};

struct Interval {
  float start, end;
};

// Neighbouring samples of one ray that share a colour.
struct Group {
  int ray;
  float weight;
};

// The rays of one batch, round by round: collect a few samples of every living ray, encode them level by level, composite.
class Batch {
 public:
  Batch(const recon_render_args& a, const Occupancy& grid, int64_t begin, int n) : a_(a), grid_(grid), begin_(begin), n_(n) {}

  void render() {
    go();
    shade_groups();
    finish();
  }

  // Finds the samples that light reaches, without looking at colours; returns how many.
  int64_t find_visible() {
    keeps_rounds_ = true;
    go();
    return kept_.size();
  }

  // Writes what find_visible found, sorted by ray. `features` [n, n_encoded].
  void write_visible(int64_t* ray_indices, float* t_starts, float* t_ends, float* features) const {
    const int e = a_.field.n_encoded();
    std::vector<int64_t> place(n_ + 1, 0);
    for (const Sample& s : kept_) ++place[s.ray + 1];
    for (int r = 0; r < n_; ++r) place[r + 1] += place[r];
    for (const Sample& s : kept_) {
      const int64_t at = place[s.ray]++;
      ray_indices[at] = begin_ + s.ray, t_starts[at] = s.t_start, t_ends[at] = s.t_end;
      const std::vector<float>& round = rounds_[s.round];
      const size_t stride = round.size() / e;
      for (int k = 0; k < e; ++k) features[at * e + k] = round[k * stride + s.column];
    }
  }

 private:
  void go() {
    next_.assign(n_, 0);
    optical_.assign(n_, 0);
    color_sum_.assign(3 * n_, 0);
    seen_weight_.assign(n_, 0);
    living_.clear();
    if (a_.distances) std::fill_n(a_.distances + begin_, n_, 0.0f);
    for (int r = 0; r < n_; ++r)
      if (a_.t_far[begin_ + r] > a_.t_near[begin_ + r]) living_.push_back(r);
    while (collect()) {
      shade();
      auto is_over = [&](int r) { return next_[r] < 0 || optical_[r] > a_.opaque; };
      living_.erase(std::remove_if(living_.begin(), living_.end(), is_over), living_.end());
    }
  }

  bool collect() {
    const int n = static_cast<int>(living_.size());
    chosen_.resize(n), steps_.resize(n), found_.resize(static_cast<size_t>(n) * kRound), n_found_.assign(n, 0);
    for (int k = 0; k < n; ++k) chosen_[k] = begin_ + living_[k], steps_[k] = next_[living_[k]];
    march(grid_, {a_.step, a_.growth}, {a_.origins, a_.directions, a_.t_near, a_.t_far, a_.offsets}, chosen_.data(), n, steps_.data(),
          kRound, [&](int k, float start, float end) { found_[k * kRound + n_found_[k]++] = {start, end}; });
    samples_.clear();
    for (int k = 0; k < n; ++k) {
      next_[living_[k]] = steps_[k];
      for (int i = 0; i < n_found_[k]; ++i) {
        const auto [start, end] = found_[k * kRound + i];
        samples_.push_back({living_[k], start, end, 0, n_rounds_, static_cast<int>(samples_.size())});
      }
    }
    return !samples_.empty();
  }

  void shade() {
    const int64_t n = samples_.size();
    for (auto& axis : position_) axis.resize(n);
    for (int64_t s = 0; s < n; ++s) {
      const int64_t ray = begin_ + samples_[s].ray;
      const float t = 0.5f * (samples_[s].t_start + samples_[s].t_end);
      float p[3];
      for (int a = 0; a < 3; ++a) p[a] = a_.origins[3 * ray + a] + t * a_.directions[3 * ray + a];
      unit_position(a_.field, p, &position_[0][s], &position_[1][s], &position_[2][s]);
    }
    features_.resize(n * a_.field.n_encoded());
    const float* position[3] = {position_[0].data(), position_[1].data(), position_[2].data()};
    const Field& field = a_.field;
    if (field.half_table)
      encode(field.grid, field.half_table, position, n, features_.data(), n);
    else
      encode(field.grid, field.table, position, n, features_.data(), n);
    for (int64_t at = 0; at < n; at += kBlock) block(at, static_cast<int>(std::min<int64_t>(kBlock, n - at)));
    if (keeps_rounds_) rounds_.push_back(std::move(features_));
    ++n_rounds_;
  }

  void block(int64_t at, int n) {
    density_.resize(a_.field, n);
    density_.copy_features(a_.field, features_.data() + at, samples_.size());
    density_.forward(a_.field);
    float before[kBlock], after[kBlock], weight[kBlock];  // optical depths on the sample's ray; share of its light
    for (int i = 0; i < n; ++i) {
      const Sample& sample = samples_[at + i];
      float& optical = optical_[sample.ray];
      const float missing = kLn2 - optical;
      before[i] = optical;
      after[i] = optical += density_.sigma[i] * (sample.t_end - sample.t_start);
      if (a_.distances && missing > 0 && optical >= kLn2)  // half of the light is left inside this interval
        a_.distances[begin_ + sample.ray] = std::min(sample.t_start + missing / density_.sigma[i], sample.t_end);
    }
    std::fill(before + n, before + kBlock, 0.0f), std::fill(after + n, after + kBlock, 0.0f);
    for (int i = 0; i < n; i += kLanes) store(weight + i, exponential(-load(before + i)) - exponential(-load(after + i)));
    for (int i = 0; i < n; ++i) {
      Sample& sample = samples_[at + i];
      sample.weight = weight[i];
      if (!(before[i] < a_.opaque)) continue;
      if (keeps_rounds_) kept_.push_back(sample);
      if (a_.colors && sample.weight > a_.min_weight) add_geometry(i, sample);
    }
  }

  // Neighbours on a ray that together carry little of its light get one colour, that of their mean geometry vector: the same
  // picture to the eye (57 dB apart) for half of the colours.
  void add_geometry(int i, const Sample& sample) {
    const bool joins = !groups_.empty() && groups_.back().ray == sample.ray && groups_.back().weight < kGroupWeight;
    if (!joins) {
      if (groups_.size() == kBlock) shade_groups();
      groups_.push_back({sample.ray, 0});
    }
    groups_.back().weight += sample.weight;
    float* sum = &geometry_[(groups_.size() - 1) * kGeometry];
    for (int k = 0; k < kGeometry; ++k) sum[k] = (joins ? sum[k] : 0) + sample.weight * density_.geometry[k * density_.stride + i];
  }

  void shade_groups() {
    color_.resize(a_.field, static_cast<int>(groups_.size()));
    for (int g = 0; g < color_.n; ++g) {
      harmonics(a_.directions + 3 * (begin_ + groups_[g].ray), color_.in + g, color_.stride);
      for (int k = 0; k < kGeometry; ++k)
        color_.in[(kHarmonics + k) * color_.stride + g] = geometry_[g * kGeometry + k] / groups_[g].weight;
    }
    color_.forward(a_.field);
    for (int g = 0; g < color_.n; ++g) {
      const Group& group = groups_[g];
      for (int k = 0; k < 3; ++k) color_sum_[3 * group.ray + k] += group.weight * color_.rgb[k * color_.stride + g];
      seen_weight_[group.ray] += group.weight;
    }
    groups_.clear();
  }

  void finish() {
    for (int r = 0; r < n_; ++r) {
      const float opacity = optical_[r] > a_.opaque ? 1 : -std::expm1(-optical_[r]);  // the little light left shows nothing else
      const float scale = opacity / std::max(seen_weight_[r], 1e-8f);  // samples left out take the colour of the others
      for (int k = 0; k < 3; ++k) a_.colors[3 * (begin_ + r) + k] = color_sum_[3 * r + k] * scale;
      a_.opacities[begin_ + r] = opacity;
    }
  }

  const recon_render_args& a_;
  const Occupancy& grid_;
  int64_t begin_;
  int n_, n_rounds_ = 0;
  bool keeps_rounds_ = false;
  std::vector<int32_t> next_;      // step that each ray goes on with, -1: it has ended
  std::vector<float> optical_, color_sum_, seen_weight_, features_, position_[3];
  std::vector<std::vector<float>> rounds_;  // the encodings of each round
  std::vector<Sample> samples_, kept_;
  std::vector<int> living_;        // rays that are not over
  std::vector<int64_t> chosen_;    // [living]
  std::vector<int32_t> steps_, n_found_;
  std::vector<Interval> found_;    // [living, kRound]
  std::vector<Group> groups_;
  float geometry_[kBlock * kGeometry];  // [groups, 16], times weights
  DensityBlock density_;
  ColorBlock color_;
};

}  // namespace
}  // namespace recon

using namespace recon;

void recon_render(const recon_render_args* args) {
  const int64_t n = args->n_rays;
  const Occupancy grid{args->clearance, args->n_cascades, args->resolution};
  parallel(static_cast<int>((n + kRays - 1) / kRays), [&](int i, int) {
    const int64_t begin = static_cast<int64_t>(i) * kRays;
    Batch(*args, grid, begin, static_cast<int>(std::min<int64_t>(kRays, n - begin))).render();
  });
}

int64_t recon_march_visible(const recon_render_args* args, int64_t* ray_indices, float* t_starts, float* t_ends, float* features,
                            int64_t capacity) {
  const int64_t n = args->n_rays, rays = 256;
  const int n_batches = static_cast<int>((n + rays - 1) / rays), e = args->field.n_encoded();
  const Occupancy grid{args->clearance, args->n_cascades, args->resolution};
  std::vector<Batch> batches;
  for (int64_t begin = 0; begin < n; begin += rays)
    batches.emplace_back(*args, grid, begin, static_cast<int>(std::min<int64_t>(rays, n - begin)));
  std::vector<int64_t> first(n_batches + 1, 0);
  parallel(n_batches, [&](int i, int) { first[i + 1] = batches[i].find_visible(); });
  for (int i = 0; i < n_batches; ++i) first[i + 1] += first[i];
  if (first[n_batches] > capacity) return first[n_batches];
  parallel(n_batches, [&](int i, int) {
    const int64_t at = first[i];
    batches[i].write_visible(ray_indices + at, t_starts + at, t_ends + at, features + at * e);
  });
  return first[n_batches];
}

int64_t recon_march(const recon_march_args* args, int64_t* ray_indices, float* t_starts, float* t_ends, int64_t capacity) {
  const recon_march_args& a = *args;
  const Occupancy grid{a.clearance, a.n_cascades, a.resolution};
  const int pieces = n_threads() * 8;
  std::vector<std::vector<Sample>> found(pieces);
  std::vector<int64_t> place(a.n_rays + 1, 0);
  parallel(pieces, [&](int i, int) {
    const int64_t begin = a.n_rays * i / pieces, end = a.n_rays * (i + 1) / pieces;
    std::vector<int64_t> chosen;
    for (int64_t r = begin; r < end; ++r)
      if (a.t_far[r] > a.t_near[r]) chosen.push_back(r);
    const int n = static_cast<int>(chosen.size());
    std::vector<int32_t> next(n, 0);
    march(grid, {a.step, a.growth}, {a.origins, a.directions, a.t_near, a.t_far, a.offsets}, chosen.data(), n, next.data(),
          std::numeric_limits<int>::max(), [&](int k, float start, float end) {
            found[i].push_back({static_cast<int>(chosen[k]), start, end, 0, 0, 0});
            ++place[chosen[k] + 1];
          });
  });
  for (int64_t r = 0; r < a.n_rays; ++r) place[r + 1] += place[r];
  const int64_t total = place[a.n_rays];
  if (total > capacity) return total;
  for (const auto& piece : found)
    for (const Sample& s : piece) {
      const int64_t at = place[s.ray]++;
      ray_indices[at] = s.ray, t_starts[at] = s.t_start, t_ends[at] = s.t_end;
    }
  return total;
}

void recon_occupied_cells(int n_cascades, int64_t n_cells, const float* densities, const uint8_t* possible, uint8_t* occupied,
                          float side, float threshold) {
  const int slabs = 32;  // a cascade
  std::vector<double> sums(n_cascades * slabs, 0);
  std::vector<int64_t> counts(n_cascades * slabs, 0);
  auto cells = [&](int slab, auto&& visit) {
    const int cascade = slab / slabs, part = slab % slabs;
    const float size = side * static_cast<float>(1 << cascade);
    const int64_t base = cascade * n_cells;
    for (int64_t i = base + n_cells * part / slabs; i < base + n_cells * (part + 1) / slabs; ++i) visit(i, size);
  };
  parallel(n_cascades * slabs, [&](int slab, int) {
    double sum = 0;
    int64_t count = 0;
    cells(slab, [&](int64_t i, float size) {
      const bool counted = possible[i] && densities[i] >= 0;
      sum += counted ? densities[i] * size : 0.0f;
      count += counted;
    });
    sums[slab] = sum, counts[slab] = count;
  });
  double sum = 0;
  int64_t count = 0;
  for (int slab = 0; slab < n_cascades * slabs; ++slab) sum += sums[slab], count += counts[slab];
  const float limit = std::min(threshold, static_cast<float>(count ? 0.5 * sum / count : 0.0));
  parallel(n_cascades * slabs, [&](int slab, int) {
    cells(slab, [&](int64_t i, float size) {
      occupied[i] = possible[i] & ((densities[i] * size > limit) | (densities[i] < 0));
    });
  });
}

void recon_density(const recon::Field* field, int64_t n, const float* positions, float* densities, float* geometry) {
  const int64_t chunk = 4096;
  parallel(static_cast<int>((n + chunk - 1) / chunk), [&](int i, int) {
    const int64_t at = i * chunk;
    const int count = static_cast<int>(std::min(chunk, n - at));
    std::vector<float> p[3], features(static_cast<size_t>(count) * field->n_encoded());
    for (auto& axis : p) axis.resize(count);
    for (int s = 0; s < count; ++s) unit_position(*field, positions + 3 * (at + s), &p[0][s], &p[1][s], &p[2][s]);
    const float* position[3] = {p[0].data(), p[1].data(), p[2].data()};
    encode(field->grid, field->table, position, count, features.data(), count);
    DensityBlock block;
    for (int from = 0; from < count; from += kBlock) {
      const int m = std::min(kBlock, count - from);
      block.resize(*field, m);
      block.copy_features(*field, features.data() + from, count);
      block.forward(*field);
      std::copy(block.sigma, block.sigma + m, densities + at + from);
      if (geometry)
        for (int s = 0; s < m; ++s)
          for (int k = 0; k < kGeometry; ++k) geometry[(at + from + s) * kGeometry + k] = block.geometry[k * block.stride + s];
    }
  });
}

void recon_encode(const recon::HashGrid* grid, const float* table, int64_t n, const float* positions, float* out) {
  constexpr int64_t kChunk = 4096;
  parallel(static_cast<int>((n + kChunk - 1) / kChunk), [&](int i, int) {
    const int64_t at = i * kChunk, count = std::min(kChunk, n - at);
    float p[3][kChunk];
    for (int64_t s = 0; s < count; ++s)
      for (int a = 0; a < 3; ++a) p[a][s] = positions[3 * (at + s) + a];
    const float* position[3] = {p[0], p[1], p[2]};
    encode(*grid, table, position, count, out + at, n);
  });
}

void recon_encode_gradient(const recon::HashGrid* grid, int64_t n, const float* positions, const float* d_out, float* grad_table) {
  std::vector<float> p[3];
  for (int a = 0; a < 3; ++a) {
    p[a].resize(n);
    for (int64_t s = 0; s < n; ++s) p[a][s] = positions[3 * s + a];
  }
  const float* position[3] = {p[0].data(), p[1].data(), p[2].data()};
  parallel(grid->n_levels, [&](int level, int) { scatter_level(*grid, level, position, n, d_out, n, grad_table); });
}

int recon_version() { return RECON_VERSION; }
int recon_n_threads() { return n_threads(); }
void recon_set_n_threads(int n) { set_n_threads(n); }
