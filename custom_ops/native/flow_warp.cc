// FlowNet2's FlowWarp: each pixel of the result is taken from where the flow of that pixel points, bilinearly.
#include <algorithm>
#include <limits>
#include <string>

#include "kernel.h"
#include "kernel_list.h"

namespace regraft::kernels {
namespace {

class FlowWarp : public Kernel {
 public:
  explicit FlowWarp(const LayerParams& params) {
    if (params.get<int64_t>("fill_nan", 0) != 0) fill_ = std::numeric_limits<float>::quiet_NaN();
  }

  void compute(Context& context) const override {
    const FloatInput image = context.floats(0, "image");
    const FloatInput flow = context.floats(1, "flow");
    require_rank(image.shape(), 4, "image");
    const Shape& shape = image.shape();
    require(flow.shape() == Shape({shape[0], 2, shape[2], shape[3]}),
            "flow of shape " + to_string(flow.shape()) + " does not fit an image of shape " + to_string(shape));
    FloatOutput out = context.float_output(0, shape);
    parallel_for(static_cast<size_t>(shape[0] * shape[2]), [&](size_t line) {
      const int64_t n = static_cast<int64_t>(line) / shape[2];
      const int64_t y = static_cast<int64_t>(line) % shape[2];
      warp_line(shape, image.data() + n * shape[1] * shape[2] * shape[3], flow.data() + n * 2 * shape[2] * shape[3], y,
                out.data() + n * shape[1] * shape[2] * shape[3]);
    });
    out.store();
  }

 private:
  void warp_line(const Shape& shape, const float* image, const float* flow, int64_t y, float* out) const {
    const int64_t height = shape[2];
    const int64_t width = shape[3];
    const int64_t plane = height * width;
    for (int64_t x = 0; x < width; ++x) {
      const int64_t pixel = y * width + x;
      const float from_x = static_cast<float>(x) + flow[pixel];
      const float from_y = static_cast<float>(y) + flow[plane + pixel];
      const bool inside = from_x >= 0 && from_y >= 0 && from_x < static_cast<float>(width) &&
                          from_y < static_cast<float>(height);  // false for NaN, too
      if (!inside) {
        for (int64_t c = 0; c < shape[1]; ++c) out[c * plane + pixel] = fill_;
        continue;
      }
      const auto left = static_cast<int64_t>(from_x);
      const auto top = static_cast<int64_t>(from_y);
      const int64_t right = std::min(left + 1, width - 1);
      const int64_t bottom = std::min(top + 1, height - 1);
      const float a = from_x - static_cast<float>(left);
      const float b = from_y - static_cast<float>(top);
      for (int64_t c = 0; c < shape[1]; ++c) {
        const float* p = image + c * plane;
        out[c * plane + pixel] = (1 - a) * (1 - b) * p[top * width + left] + a * (1 - b) * p[top * width + right] +
                                 (1 - a) * b * p[bottom * width + left] + a * b * p[bottom * width + right];
      }
    }
  }

  float fill_ = 0.0f;
};

std::vector<Shape> infer_warped(const std::vector<Shape>& inputs) {
  if (inputs.empty() || inputs[0].size() != 4) return {unknown_shape(4)};
  return {inputs[0]};
}

}  // namespace

const KernelDescription kFlowWarp = {"FlowWarp", 2, 0, 1, 0, create_kernel<FlowWarp>, infer_warped};

}  // namespace regraft::kernels
