"""`regraft diff`: where a compiled model's numbers leave those of another run, layer by layer."""

from regraft.diff.inputs import Inputs
from regraft.diff.report import DiffReport
from regraft.diff.run import AGAINST, TOLERANCE, diff

__all__ = ["AGAINST", "TOLERANCE", "DiffReport", "Inputs", "diff"]
