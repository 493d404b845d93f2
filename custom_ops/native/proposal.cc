// Proposal: regions of interest from Faster R-CNN's region proposal network.
//
// Two ancestors with one purpose. PVANet's C++ layer keeps boxes that are too small with score 0 and sorts with a
// quicksort of its own, whose order of equal scores is repeated here. py-faster-rcnn's Python layer drops small boxes;
// numpy does not define its order of equal scores, here it is by index.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernel.h"
#include "kernel_list.h"

namespace regraft::kernels {
namespace {

constexpr int64_t kPvanet = 0;
constexpr int64_t kPyFasterRcnn = 1;

struct Candidate {
  float x1, y1, x2, y2;
  float score;
};

struct Anchor {
  float x1, y1, x2, y2;
};

struct ImageInfo {
  float height, width;
  float scale_h, scale_w;
};

// The anchor at (x, y), moved and stretched by the network's deltas, inside the image.
Candidate transform(const Anchor& anchor, float x, float y, const float delta[4], const ImageInfo& image) {
  const float w = (x + anchor.x2) - (x + anchor.x1) + 1.0f;
  const float h = (y + anchor.y2) - (y + anchor.y1) + 1.0f;
  const float center_x = delta[0] * w + ((x + anchor.x1) + 0.5f * w);
  const float center_y = delta[1] * h + ((y + anchor.y1) + 0.5f * h);
  const float half_w = 0.5f * (std::exp(delta[2]) * w);
  const float half_h = 0.5f * (std::exp(delta[3]) * h);
  const auto inside = [](float value, float size) { return std::max(0.0f, std::min(value, size - 1.0f)); };
  return {inside(center_x - half_w, image.width), inside(center_y - half_h, image.height),
          inside(center_x + half_w, image.width), inside(center_y + half_h, image.height), 0.0f};
}

// The last pixel counts, so boxes less than a pixel apart have a common part; not in PVANet, which looks at their order
// first.
float overlap(const Candidate& a, const Candidate& b, bool python_style) {
  if (!python_style && (a.x1 > b.x2 || a.y1 > b.y2 || a.x2 < b.x1 || a.y2 < b.y1)) return 0.0f;
  const float width = std::max(0.0f, std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + 1.0f);
  const float height = std::max(0.0f, std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + 1.0f);
  const float both = width * height;
  const float area_a = (a.x2 - a.x1 + 1.0f) * (a.y2 - a.y1 + 1.0f);
  const float area_b = (b.x2 - b.x1 + 1.0f) * (b.y2 - b.y1 + 1.0f);
  return both / (area_a + area_b - both);
}

// PVANet's quicksort, descending, its first `top` places only: Hoare's partition around the first element, both hands
// passing over equal scores. The partition decides the order of equal scores, so it may not be another one.
void quicksort_first(std::vector<Candidate>& list, int64_t top) {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  if (!list.empty()) ranges.emplace_back(0, static_cast<int64_t>(list.size()) - 1);
  while (!ranges.empty()) {
    const auto [start, end] = ranges.back();
    ranges.pop_back();
    const float pivot = list[start].score;
    int64_t left = start + 1;
    int64_t right = end;
    while (left <= right) {
      while (left <= end && list[left].score >= pivot) ++left;
      while (right > start && list[right].score <= pivot) --right;
      if (left <= right) std::swap(list[left++], list[right--]);
    }
    if (right > start) std::swap(list[start], list[right]);
    if (start < right - 1) ranges.emplace_back(start, right - 1);
    if (right + 1 < top && right + 1 < end) ranges.emplace_back(right + 1, end);
  }
}

// Keeps boxes that overlap no better one by more than `threshold`, at most `most`.
std::vector<Candidate> suppress(const std::vector<Candidate>& sorted, int64_t count, float threshold, int64_t most,
                                bool python_style) {
  std::vector<char> dead(static_cast<size_t>(count), 0);
  std::vector<Candidate> kept;
  for (int64_t i = 0; i < count; ++i) {
    if (dead[i]) continue;
    kept.push_back(sorted[i]);
    if (static_cast<int64_t>(kept.size()) == most) break;
    for (int64_t j = i + 1; j < count; ++j) {
      if (!dead[j] && overlap(sorted[i], sorted[j], python_style) > threshold) dead[j] = 1;
    }
  }
  return kept;
}

class Proposal : public Kernel {
 public:
  explicit Proposal(const LayerParams& params)
      : python_style_(params.get<int64_t>("style", kPvanet) == kPyFasterRcnn),
        feat_stride_(params.get<int64_t>("feat_stride", 16)),
        min_size_(params.get<float>("min_size", 16)),
        pre_nms_topn_(params.get<int64_t>("pre_nms_topn", 6000)),
        post_nms_topn_(params.get<int64_t>("post_nms_topn", 300)),
        nms_thresh_(params.get<float>("nms_thresh", 0.7f)) {
    const auto style = params.get<int64_t>("style", kPvanet);
    require(python_style_ || style == kPvanet,
            "style must be 0 (PVANet) or 1 (py-faster-rcnn), not " + std::to_string(style));
    const auto anchors = params.get<std::vector<float>>("anchors");
    require(!anchors.empty() && anchors.size() % 4 == 0, "anchors must hold four numbers an anchor");
    for (size_t i = 0; i < anchors.size(); i += 4) {
      anchors_.push_back({anchors[i], anchors[i + 1], anchors[i + 2], anchors[i + 3]});
    }
    require(python_style_ || (pre_nms_topn_ > 0 && post_nms_topn_ > 0), "the top n must be positive");
  }

  void compute(Context& context) const override {
    const FloatInput scores = context.floats(0, "scores");
    const FloatInput deltas = context.floats(1, "deltas");
    const FloatInput info = context.floats(2, "im_info");
    check_shapes(scores.shape(), deltas.shape());
    const ImageInfo image = read_info(info);
    std::vector<Candidate> candidates = enumerate(scores, deltas, image);
    write(context, select(candidates));
  }

 private:
  void check_shapes(const Shape& scores, const Shape& deltas) const {
    require_rank(scores, 4, "scores");
    require_rank(deltas, 4, "deltas");
    const auto anchors = static_cast<int64_t>(anchors_.size());
    require(scores[0] == 1, "one image at a time, not " + std::to_string(scores[0]));
    require(scores[1] == 2 * anchors, "scores must have two channels an anchor, " + std::to_string(2 * anchors));
    require(deltas == Shape({1, 4 * anchors, scores[2], scores[3]}),
            "deltas of shape " + to_string(deltas) + " do not fit scores of shape " + to_string(scores));
  }

  ImageInfo read_info(const FloatInput& info) const {
    const size_t needed = python_style_ ? 3 : 4;
    require(info.total() >= needed, "im_info must hold " + std::to_string(needed) + " values");
    const float* v = info.data();
    return {v[0], v[1], v[2], python_style_ ? v[2] : v[3]};
  }

  // All boxes in the order row, column, anchor.
  std::vector<Candidate> enumerate(const FloatInput& scores, const FloatInput& deltas, const ImageInfo& image) const {
    const int64_t height = scores.dim(2);
    const int64_t width = scores.dim(3);
    const int64_t area = height * width;
    const auto anchors = static_cast<int64_t>(anchors_.size());
    const float* foreground = scores.data() + anchors * area;  // the first half is of the background
    std::vector<Candidate> candidates;
    candidates.reserve(static_cast<size_t>(area * anchors));
    for (int64_t pixel = 0; pixel < area; ++pixel) {
      const auto x = static_cast<float>(pixel % width * feat_stride_);
      const auto y = static_cast<float>(pixel / width * feat_stride_);
      for (int64_t k = 0; k < anchors; ++k) {
        const float* d = deltas.data() + 4 * k * area + pixel;
        const float delta[4] = {d[0], d[area], d[2 * area], d[3 * area]};
        Candidate box = transform(anchors_[k], x, y, delta, image);
        const bool large = box.x2 - box.x1 + 1.0f >= min_size_ * image.scale_w &&
                           box.y2 - box.y1 + 1.0f >= min_size_ * image.scale_h;
        if (python_style_ && !large) continue;
        box.score = large ? foreground[k * area + pixel] : 0.0f;
        candidates.push_back(box);
      }
    }
    return candidates;
  }

  std::vector<Candidate> select(std::vector<Candidate>& candidates) const {
    const auto count = static_cast<int64_t>(candidates.size());
    const int64_t before = pre_nms_topn_ > 0 ? std::min(count, pre_nms_topn_) : count;
    if (python_style_) {
      std::stable_sort(candidates.begin(), candidates.end(),
                       [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
    } else {
      quicksort_first(candidates, pre_nms_topn_);
    }
    const int64_t after = post_nms_topn_ > 0 ? post_nms_topn_ : std::numeric_limits<int64_t>::max();
    return suppress(candidates, before, nms_thresh_, after, python_style_);
  }

  void write(Context& context, const std::vector<Candidate>& kept) const {
    const auto count = static_cast<int64_t>(kept.size());
    FloatOutput rois = context.float_output(0, {count, 5});
    for (int64_t i = 0; i < count; ++i) {
      const float values[5] = {0.0f, kept[i].x1, kept[i].y1, kept[i].x2, kept[i].y2};
      std::copy(values, values + 5, rois.data() + 5 * i);
    }
    rois.store();
    if (!context.has_output(1)) return;
    FloatOutput scores = context.float_output(1, python_style_ ? Shape{count, 1} : Shape{count});
    for (int64_t i = 0; i < count; ++i) scores.data()[i] = kept[i].score;
    scores.store();
  }

  bool python_style_;
  int64_t feat_stride_;
  float min_size_;
  int64_t pre_nms_topn_;
  int64_t post_nms_topn_;
  float nms_thresh_;
  std::vector<Anchor> anchors_;
};

// The scores' rank depends on the style, which is not known here.
std::vector<Shape> infer_proposals(const std::vector<Shape>&) { return {{-1, 5}}; }

}  // namespace

const KernelDescription kProposal = {"Proposal", 3, 0, 1, 1, create_kernel<Proposal>, infer_proposals};

}  // namespace regraft::kernels
