// TensorFlow's CropAndResize: boxes cut out of NHWC images and resized with aligned corners, bilinearly or by the
// nearest pixel. The float32 arithmetic is that of crop_and_resize_op.cc, step by step.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "interpolation.h"
#include "kernel.h"
#include "kernel_list.h"

namespace regraft::kernels {
namespace {

// Where one row or column of a crop lies in the image.
struct Place {
  bool inside;
  int64_t low;
  int64_t high;
  float share;
};

std::vector<Place> places(float first, float second, int64_t have, int64_t want, bool nearest) {
  const auto last = static_cast<float>(have - 1);
  const float scale = want > 1 ? (second - first) * last / static_cast<float>(want - 1) : 0.0f;
  std::vector<Place> found(static_cast<size_t>(want));
  for (int64_t i = 0; i < want; ++i) {
    const float at = want > 1 ? first * last + static_cast<float>(i) * scale : 0.5f * (first + second) * last;
    Place& place = found[static_cast<size_t>(i)];
    place = {at >= 0.0f && at <= last, 0, 0, 0.0f};  // NaN is not inside
    if (!place.inside) continue;
    place.low = static_cast<int64_t>(nearest ? std::round(at) : std::floor(at));
    place.high = static_cast<int64_t>(nearest ? std::round(at) : std::ceil(at));
    place.share = nearest ? 0.0f : at - static_cast<float>(place.low);
  }
  return found;
}

template <bool kNearest>
class CropAndResize : public Kernel {
 public:
  explicit CropAndResize(const LayerParams& params)
      : outside_(static_cast<float>(params.get<double>("extrapolation_value", 0.0))) {}

  void compute(Context& context) const override {
    const FloatInput image = context.floats(0, "image");
    const FloatInput boxes = context.floats(1, "boxes");
    const std::vector<int64_t> owners = read_integers(context.input(2), "owners");
    const ImageSize size = read_size(context.input(3));
    require_rank(image.shape(), 4, "image");
    const auto count = static_cast<int64_t>(owners.size());
    require(boxes.shape() == Shape({count, 4}), "boxes of shape " + to_string(boxes.shape()) + " do not fit " +
                                                    std::to_string(count) + " owners: (B, 4) is wanted");
    for (const int64_t owner : owners) {
      require(owner >= 0 && owner < image.dim(0),
              "a box is of image " + std::to_string(owner) + ", and there are " + std::to_string(image.dim(0)));
    }
    FloatOutput out = context.float_output(0, {count, size.height, size.width, image.dim(3)});
    const int64_t pixels = image.dim(1) * image.dim(2) * image.dim(3);
    const int64_t crop = size.height * size.width * image.dim(3);
    parallel_for(static_cast<size_t>(count), [&](size_t index) {
      const float* box = boxes.data() + index * 4;
      const auto rows = places(box[0], box[2], image.dim(1), size.height, kNearest);
      const auto columns = places(box[1], box[3], image.dim(2), size.width, kNearest);
      cut(image.data() + owners[index] * pixels, rows, columns, image.dim(2), image.dim(3),
          out.data() + static_cast<int64_t>(index) * crop);
    });
    out.store();
  }

 private:
  void cut(const float* image, const std::vector<Place>& rows, const std::vector<Place>& columns, int64_t width,
           int64_t channels, float* out) const {
    for (const Place& row : rows) {
      const float* top = image + row.low * width * channels;
      const float* bottom = image + row.high * width * channels;
      for (const Place& column : columns) {
        if (!row.inside || !column.inside) {
          out = std::fill_n(out, channels, outside_);
          continue;
        }
        const int64_t left = column.low * channels;
        const int64_t right = column.high * channels;
        for (int64_t c = 0; c < channels; ++c) {
          *out++ = kNearest ? top[left + c]
                            : mixed(mixed(top[left + c], top[right + c], column.share),
                                    mixed(bottom[left + c], bottom[right + c], column.share), row.share);
        }
      }
    }
  }

  static float mixed(float low, float high, float share) { return low + (high - low) * share; }

  float outside_;
};

std::vector<Shape> infer_crops(const std::vector<Shape>& inputs) {
  Shape shape = unknown_shape(4);
  if (inputs.size() > 1 && inputs[0].size() == 4) shape[3] = inputs[0][3];
  if (inputs.size() > 1 && inputs[1].size() == 2) shape[0] = inputs[1][0];
  return {shape};
}

}  // namespace

const KernelDescription kCropAndResize = {"CropAndResize", 4, 0, 1, 0, create_kernel<CropAndResize<false>>, infer_crops};
const KernelDescription kCropAndResizeNearest = {"CropAndResizeNearest", 4, 0, 1, 0, create_kernel<CropAndResize<true>>,
                                                 infer_crops};

}  // namespace regraft::kernels
