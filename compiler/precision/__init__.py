"""Float16 and int8: what stays float32, the inputs that show it, and what the change costs in accuracy."""

from regraft.precision.stage import PrecisionStage

__all__ = ["PrecisionStage"]
