"""The source graph, as the file has it, computed with numpy alone.

It judges the rules, so it shares nothing with them: each evaluator is written from what the framework documents. To
read the file and to hold the graph is the readers' and the graph's work in both.
"""

from regraft.reference import caffe, prepared, tensorflow
from regraft.reference.evaluation import Evaluated, Substitute, evaluate, evaluate_alone
from regraft.reference.registry import EVALUATORS, Call, NotEvaluated

__all__ = [
    "EVALUATORS",
    "Call",
    "Evaluated",
    "NotEvaluated",
    "Substitute",
    "caffe",
    "evaluate",
    "evaluate_alone",
    "prepared",
    "tensorflow",
]
