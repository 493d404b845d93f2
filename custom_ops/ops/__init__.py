"""regraft's operators, a family a file; importing this package fills `schema.OPS`."""

from regraft.custom_ops.ops import detection, error_function, flow, resize, resize_filters, special

__all__ = ["detection", "error_function", "flow", "resize", "resize_filters", "special"]
