"""Lets the tests of the folders below import `agreement`, by which their cases judge the reference as well."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))
