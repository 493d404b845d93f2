"""`--for opencv`: files that OpenCV 4 and 5 import with the same numbers. What is said of them is of 4.14 and 5.0."""

from regraft.passes.opencv.detection import OPS, use_opencv_detection
from regraft.passes.opencv.rewrites import REWRITES, avoid_what_opencv_reads_otherwise
from regraft.passes.opencv.support import check_sizes, fix_batches, refuse_unknown

__all__ = [
    "OPS",
    "REWRITES",
    "avoid_what_opencv_reads_otherwise",
    "check_sizes",
    "fix_batches",
    "refuse_unknown",
    "use_opencv_detection",
]
