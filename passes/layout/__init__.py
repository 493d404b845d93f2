"""Where dimensions lie: Transposes are moved, met and cancelled."""

from regraft.passes.layout.invariants import hoist_transposes
from regraft.passes.layout.transposes import REWRITES, settle_layout

__all__ = ["REWRITES", "hoist_transposes", "settle_layout"]
