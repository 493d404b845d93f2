"""Parameters of layers that slide a window or change the size of a picture."""

from __future__ import annotations

from dataclasses import dataclass

from regraft.frontends.caffe.params.reading import Plain, enum, word


@dataclass(frozen=True)
class ConvolutionParam:
    """`convolution_param` of Convolution, Deconvolution, Im2col and the depthwise layers.

    pad, kernel_size, stride and dilation are once for all axes or once an axis; the older forks have them once only.
    Forks: dilation_h and dilation_w (yjxiong); hole, hole_h, hole_w (DeepLab v1) and filter_stride* (ParseNet) are
    older names of the dilation; pad_type, pad_l, pad_r, pad_t, pad_b (synopsys); tf_pad (chuanqi); relu (Intel).
    The engine and the cudnn_* fields only choose an implementation.
    """

    num_output: int | None = None
    bias_term: bool = True
    pad: tuple[int, ...] = ()
    kernel_size: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    pad_h: int = 0
    pad_w: int = 0
    kernel_h: int | None = None
    kernel_w: int | None = None
    stride_h: int | None = None
    stride_w: int | None = None
    group: int = 1
    weight_filler: Plain = None
    bias_filler: Plain = None
    engine: str = word()
    axis: int = 1
    force_nd_im2col: bool = False
    dilation_h: int | None = None
    dilation_w: int | None = None
    hole: int | None = None
    hole_h: int | None = None
    hole_w: int | None = None
    filter_stride: int | None = None
    filter_stride_h: int | None = None
    filter_stride_w: int | None = None
    pad_type: int = 0
    pad_l: int | None = None
    pad_r: int | None = None
    pad_t: int | None = None
    pad_b: int | None = None
    tf_pad: bool = False
    relu: bool = False
    cudnn_convolution_algo_seeker: str | None = word(None)
    conv_algos_override: str | None = word(None)
    cudnn_math_override: str | None = word(None)


@dataclass(frozen=True)
class PoolingParam:
    """`pooling_param`.

    round_mode: BVLC master, OpenPose, MobileNet-YOLO, synopsys, X2Paddle; all others always round up. Forks: ceil_mode
    (OpenVINO, synopsys), pad_type and pad_l, pad_r, pad_t, pad_b and AVE_EXC_PAD (synopsys), avg_include_pad (Intel),
    bin_size (ParseNet), torch_pooling (NVIDIA), axis and dilation (OpenCL branch).
    """

    pool: str = enum("MAX", MAX=0, AVE=1, STOCHASTIC=2, AVE_EXC_PAD=3)
    pad: int = 0
    pad_h: int = 0
    pad_w: int = 0
    kernel_size: int | None = None
    kernel_h: int | None = None
    kernel_w: int | None = None
    stride: int = 1
    stride_h: int | None = None
    stride_w: int | None = None
    engine: str = word()
    global_pooling: bool = False
    round_mode: str = enum("CEIL", CEIL=0, FLOOR=1)
    ceil_mode: bool = True
    pad_type: int = 0
    pad_l: int | None = None
    pad_r: int | None = None
    pad_t: int | None = None
    pad_b: int | None = None
    avg_include_pad: bool | None = None
    bin_size: int | None = None
    torch_pooling: bool | None = None
    axis: int = 1
    dilation: tuple[int, ...] = ()


@dataclass(frozen=True)
class SPPParam:
    """`spp_param`."""

    pyramid_height: int | None = None
    pool: str = enum("MAX", MAX=0, AVE=1, STOCHASTIC=2)
    engine: str = word()


@dataclass(frozen=True)
class UnpoolingParam:
    """`unpooling_param` (ParseNet, DeconvNet; unpool_size, unpool_h and unpool_w are DeconvNet's)."""

    unpool: str = enum("MAX", MAX=0, AVE=1, STOCHASTIC=2)
    pad: int = 0
    pad_h: int = 0
    pad_w: int = 0
    kernel_size: int | None = None
    kernel_h: int | None = None
    kernel_w: int | None = None
    stride: int = 1
    stride_h: int | None = None
    stride_w: int | None = None
    unpool_size: int | None = None
    unpool_h: int | None = None
    unpool_w: int | None = None


@dataclass(frozen=True)
class UpsampleParam:
    """`upsample_param`: SegNet's scatters by a mask and has all; MobileNet-YOLO's is nearest, with scale only.

    The default of that is 1. stride is Huawei's, whose scale is a factor of the numbers.
    """

    scale: int = 2
    scale_h: int | None = None
    scale_w: int | None = None
    pad_out_h: bool = False
    pad_out_w: bool = False
    upsample_h: int | None = None
    upsample_w: int | None = None
    stride: int | None = None


@dataclass(frozen=True)
class InterpParam:
    """`interp_param` (DeepLab, PSPNet, ICNet; full_zoom_factor: synopsys). Which fields are given decides the size."""

    height: int = 0
    width: int = 0
    zoom_factor: int = 1
    shrink_factor: int = 1
    pad_beg: int = 0
    pad_end: int = 0
    full_zoom_factor: int | None = None


@dataclass(frozen=True)
class ResampleParam:
    """`resample_param` (FlowNet2)."""

    width: int | None = None
    height: int | None = None
    type: str = enum("LINEAR", NEAREST=1, LINEAR=2, CUBIC=3, AREA=4)
    antialias: bool = True
    factor: float = 1.0


@dataclass(frozen=True)
class DownsampleParam:
    """`downsample_param` (FlowNet2)."""

    top_height: int = 0
    top_width: int = 0


@dataclass(frozen=True)
class AccumParam:
    """`accum_param` (FlowNet2)."""

    top_height: int = 0
    top_width: int = 0
    size_divisible_by: int = 0
    have_reference: bool = False


@dataclass(frozen=True)
class CorrelationParam:
    """`correlation_param` (FlowNet2; single_direction belongs to Correlation1D)."""

    pad: int = 0
    kernel_size: int | None = None
    max_displacement: int | None = None
    stride_1: int = 1
    stride_2: int = 1
    single_direction: int = 0
    do_abs: bool = False
    correlation_type: str = enum("MULTIPLY", MULTIPLY=0, SUBTRACT=1)


@dataclass(frozen=True)
class FlowWarpParam:
    """`flow_warp_param` (FlowNet2)."""

    fill_value: str = enum("ZERO", ZERO=1, NOT_A_NUMBER=2)


@dataclass(frozen=True)
class CropParam:
    """`crop_param`. V1 files of HED and ParseNet have a CROP without it, whose offset is computed."""

    axis: int = 2
    offset: tuple[int, ...] = ()


@dataclass(frozen=True)
class CropCenterParam:
    """`crop_center_param` (waifu2x)."""

    crop_size: tuple[int, ...] = ()


@dataclass(frozen=True)
class ReorgParam:
    """`reorg_param` (YOLO forks; `reverse`: MobileNet-YOLO and gklz)."""

    stride: int | None = None
    reverse: bool = False
