"""The network's borders: which inputs and outputs it has, and what happens to data there."""

from regraft.passes.io.cut import cut, drop_unread_inputs, set_input_shapes
from regraft.passes.io.float16 import LARGEST, beyond_float16, computes_sizes, converts, to_float16
from regraft.passes.io.layer_names import layer_values, named_layers, set_layer_blobs
from regraft.passes.io.layouts import set_output_layouts
from regraft.passes.io.portable import expand_custom_ops
from regraft.passes.io.preprocess import Preprocessing, preprocess
from regraft.passes.io.rename import rename
from regraft.passes.io.sizes import make_batch_symbolic, missing_sizes, said, trial_shapes

__all__ = [
    "LARGEST",
    "Preprocessing",
    "beyond_float16",
    "computes_sizes",
    "converts",
    "cut",
    "drop_unread_inputs",
    "expand_custom_ops",
    "layer_values",
    "make_batch_symbolic",
    "missing_sizes",
    "named_layers",
    "preprocess",
    "rename",
    "said",
    "set_input_shapes",
    "set_layer_blobs",
    "set_output_layouts",
    "to_float16",
    "trial_shapes",
]
