"""FlowNet's Correlation and FlowWarp."""

from __future__ import annotations

from regraft.ir import Builder, Value, shapes_agree
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule

TYPES = {"MULTIPLY": 0, "SUBTRACT": 1}


@rule("caffe.Correlation", "caffe.Correlation1D")
def correlation(layer: CaffeLayer, build: Builder, a: Value, b: Value) -> Value:
    """How a patch around each place of a compares with patches of b around it, one channel a displacement.

    a, b: (N, C, H, W). Top: (N, (2 * max_displacement / stride_2 + 1) ** 2, H', W'). Correlation1D looks along rows
    only, and with single_direction 1 to the right only.
    Source: FlowNet2's correlation_layer.cu, correlation_layer1d.cu; they read do_abs and do nothing with it.
    """
    one_dimensional = layer.op.type_name == "Correlation1D"
    layer.image(a)
    if not shapes_agree(a.shape, b.shape):
        raise layer.refuse(f"its bottoms have different shapes: {a.type} and {b.type}")
    if layer.integer("single_direction") not in ((0, 1) if one_dimensional else (0,)):
        raise layer.refuse(
            f"single_direction {layer.integer('single_direction')} is not supported: to the left FlowNet2 reads before "
            "its bottom"
            if one_dimensional
            else "single_direction is for Correlation1D only",
            field="single_direction",
        )
    for field in ("kernel_size", "max_displacement"):
        if layer.given(field) is None:
            raise layer.refuse(f"has no {field}: it is required", field=field)
    kernel = layer.integer("kernel_size")
    if kernel < 1 or kernel % 2 == 0:
        raise layer.refuse(f"kernel_size {kernel} is not odd: FlowNet2 refuses it too", field="kernel_size")
    return build.regraft.Correlation(
        a,
        b,
        pad=layer.integer("pad"),
        kernel_size=kernel,
        max_displacement=layer.integer("max_displacement"),
        stride_1=layer.integer("stride_1"),
        stride_2=layer.integer("stride_2"),
        correlation_type=TYPES[layer.text("correlation_type")],
        one_dimensional=int(one_dimensional),
        one_sided=int(layer.integer("single_direction") == 1),
    )


@rule("caffe.FlowWarp")
def flow_warp(layer: CaffeLayer, build: Builder, image: Value, flow: Value) -> Value:
    """Each pixel from where the flow at it points, bilinearly; outside the fill value.

    image: (N, C, H, W), flow: (N, 2, H, W) in pixels. Source: FlowNet2's flow_warp_layer.cu.
    """
    size, flows = layer.shape(image), layer.shape(flow)
    if len(size) != 4 or not shapes_agree((size[0], 2, *size[2:]), flows):
        raise layer.refuse(f"needs an image and two numbers of flow a pixel, not {image.type} and {flow.type}")
    return build.regraft.FlowWarp(image, flow, fill_nan=int(layer.text("fill_value") == "NOT_A_NUMBER"))
