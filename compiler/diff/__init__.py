"""`regraft diff`: where a compiled model's numbers leave those of another run, layer by layer."""

from regraft.diff.inputs import Inputs, channel_order
from regraft.diff.report import DiffReport
from regraft.diff.run import AGAINST, TOLERANCE, diff

__all__ = ["AGAINST", "TOLERANCE", "DiffReport", "Inputs", "channel_order", "diff"]
