// FlowNet's Correlation: compares a patch of one feature map with patches around the same place of another.
//
// Channel (p, o) of the result is the displacement of p * stride_2 rows and o * stride_2 columns, -r <= p, o <= r. The
// one-dimensional form (Correlation1D) pads and moves along rows only, one-sided to the right only. Both maps are copied to padded maps with the channels innermost, so that a patch row is one run of memory.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernel.h"
#include "kernel_list.h"
#include "multiversion.h"

namespace regraft::kernels {
namespace {

constexpr int64_t kLanes = 16;  // partial sums, so that the loop is vectorised without reordering by the compiler

REGRAFT_MULTIVERSION
float sum_of_products(const float* REGRAFT_RESTRICT a, const float* REGRAFT_RESTRICT b, int64_t count) {
  float partial[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) partial[k] += a[i + k] * b[i + k];
  }
  float sum = 0;
  for (; i < count; ++i) sum += a[i] * b[i];
  for (const float part : partial) sum += part;
  return sum;
}

REGRAFT_MULTIVERSION
float sum_of_differences(const float* REGRAFT_RESTRICT a, const float* REGRAFT_RESTRICT b, int64_t count) {
  float partial[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) partial[k] += std::abs(a[i + k] - b[i + k]);
  }
  float sum = 0;
  for (; i < count; ++i) sum += std::abs(a[i] - b[i]);
  for (const float part : partial) sum += part;
  return sum;
}

// An image with zeros around it, channels innermost.
class PaddedImage {
 public:
  PaddedImage(const float* image, int64_t channels, int64_t height, int64_t width, int64_t pad_y, int64_t pad)
      : row_(element_count({width + 2 * pad, channels})),
        channels_(channels),
        values_(static_cast<size_t>(element_count({height + 2 * pad_y, row_})), 0.0f) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t y = 0; y < height; ++y) {
        float* out = values_.data() + (y + pad_y) * row_ + pad * channels + c;
        for (int64_t x = 0; x < width; ++x) out[x * channels] = *image++;
      }
    }
  }
  const float* at(int64_t y, int64_t x) const { return values_.data() + y * row_ + x * channels_; }

 private:
  int64_t row_;
  int64_t channels_;
  std::vector<float> values_;
};

class Correlation : public Kernel {
 public:
  explicit Correlation(const LayerParams& params)
      : pad_(params.get<int64_t>("pad", 0)),
        kernel_size_(params.get<int64_t>("kernel_size")),
        max_displacement_(params.get<int64_t>("max_displacement")),
        stride_1_(params.get<int64_t>("stride_1", 1)),
        stride_2_(params.get<int64_t>("stride_2", 1)),
        vertical_(params.get<int64_t>("one_dimensional", 0) == 0),
        one_sided_(params.get<int64_t>("one_sided", 0) != 0),
        subtract_(params.get<int64_t>("correlation_type", 0) == 1) {
    constexpr int64_t kMost = 1 << 20;
    const int64_t type = params.get<int64_t>("correlation_type", 0);
    require(type == 0 || type == 1, "correlation_type must be 0 (multiply) or 1 (subtract)");
    require(kernel_size_ > 0 && kernel_size_ % 2 == 1 && kernel_size_ < kMost, "kernel_size must be odd");
    require(stride_1_ > 0 && stride_2_ > 0, "strides must be positive");
    require(pad_ >= 0 && pad_ < kMost, "pad must not be negative");
    require(max_displacement_ >= 0 && max_displacement_ < kMost, "max_displacement must not be negative");
    require(!one_sided_ || !vertical_, "one_sided goes with one_dimensional");
    radius_ = max_displacement_ / stride_2_;
  }

  void compute(Context& context) const override {
    const FloatInput a = context.floats(0, "a");
    const FloatInput b = context.floats(1, "b");
    require_rank(a.shape(), 4, "a");
    require(a.shape() == b.shape(), "a has shape " + to_string(a.shape()) + ", b has " + to_string(b.shape()));
    const Shape shape = {a.dim(0), element_count({vertical_ ? columns() : 1, columns()}),
                         result_size(a.dim(2), pad_y(), reach_y()), result_size(a.dim(3), pad_, max_displacement_)};
    FloatOutput out = context.float_output(0, shape);
    require(a.dim(1) > 0, "a has no channels");
    const int64_t image = a.dim(1) * a.dim(2) * a.dim(3);
    for (int64_t n = 0; n < shape[0]; ++n) {
      const PaddedImage first(a.data() + n * image, a.dim(1), a.dim(2), a.dim(3), pad_y(), pad_);
      const PaddedImage second(b.data() + n * image, a.dim(1), a.dim(2), a.dim(3), pad_y(), pad_);
      float* result = out.data() + n * shape[1] * shape[2] * shape[3];
      parallel_for(static_cast<size_t>(shape[2]), [&](size_t y) {
        correlate_line(first, second, a.dim(1), static_cast<int64_t>(y), shape, result);
      });
    }
    out.store();
  }

 private:
  int64_t columns() const { return one_sided_ ? radius_ + 1 : 2 * radius_ + 1; }
  int64_t pad_y() const { return vertical_ ? pad_ : 0; }
  int64_t reach_y() const { return vertical_ ? max_displacement_ : 0; }

  int64_t result_size(int64_t size, int64_t pad, int64_t displacement) const {
    require(size < std::numeric_limits<int32_t>::max(), "a is too large");
    const int64_t border = displacement + (kernel_size_ - 1) / 2;
    const int64_t reach = size + 2 * pad - 2 * border;
    require(reach >= 1, "the kernel and its displacements do not fit " + std::to_string(size) + " pixels");
    return (reach + stride_1_ - 1) / stride_1_;
  }

  void correlate_line(const PaddedImage& first, const PaddedImage& second, int64_t channels, int64_t y,
                      const Shape& shape, float* result) const {
    const int64_t grid = columns();
    const auto elements = static_cast<float>(kernel_size_ * kernel_size_ * channels);
    const int64_t y1 = y * stride_1_ + reach_y();
    for (int64_t channel = 0; channel < shape[1]; ++channel) {
      const int64_t y2 = vertical_ ? y1 + (channel / grid - radius_) * stride_2_ : y1;
      const int64_t shift = (channel % grid - (one_sided_ ? 0 : radius_)) * stride_2_;
      float* out = result + (channel * shape[2] + y) * shape[3];
      for (int64_t x = 0; x < shape[3]; ++x) {
        const int64_t x1 = x * stride_1_ + max_displacement_;
        float sum = 0;
        for (int64_t j = 0; j < kernel_size_; ++j) {
          const float* p = first.at(y1 + j, x1);
          const float* q = second.at(y2 + j, x1 + shift);
          const int64_t run = kernel_size_ * channels;
          sum += subtract_ ? sum_of_differences(p, q, run) : sum_of_products(p, q, run);
        }
        out[x] = sum / elements;
      }
    }
  }

  int64_t pad_;
  int64_t kernel_size_;
  int64_t max_displacement_;
  int64_t stride_1_;
  int64_t stride_2_;
  bool vertical_;
  bool one_sided_;
  bool subtract_;
  int64_t radius_ = 0;
};

std::vector<Shape> infer_correlation(const std::vector<Shape>& inputs) {
  Shape shape = unknown_shape(4);
  if (!inputs.empty() && inputs[0].size() == 4) shape[0] = inputs[0][0];
  return {shape};
}

}  // namespace

const KernelDescription kCorrelation = {"Correlation", 2, 0, 1, 0, create_kernel<Correlation>, infer_correlation};

}  // namespace regraft::kernels
