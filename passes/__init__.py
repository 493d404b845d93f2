"""Everything that rewrites: legalisation rules, fusions, layout, tidying; and the order in which they run."""

from __future__ import annotations

if __name__ != "regraft.passes":
    raise ImportError("this package is regraft.passes: install regraft, and import it by that name")

from regraft.passes.base import Pass, PassManager, PassStatistics
from regraft.passes.custom import (
    check_patterns,
    register_pass,
    register_rewrite,
    registered_passes,
    registered_rewrites,
    unregister_pass,
    unregister_rewrite,
)
from regraft.passes.legalise import legalise
from regraft.passes.pattern import Match, Tracer
from regraft.passes.pipeline import (
    AS_OPENCV_READS,
    FOR_OPENCV,
    OPTIMISATIONS,
    OUTPUT_LAYOUTS,
    PORTABLE,
    finish,
    legalisation,
    optimisations,
)
from regraft.passes.rewrite import ImperativeRewrite, RewriteError, Rewriter, RewriteRule, RewriteSet, rewrite
from regraft.passes.rules import BUILT_IN, Note, Refusal, Rule, RuleContext, RuleSet, SourceOp, rule

__all__ = [
    "AS_OPENCV_READS",
    "BUILT_IN",
    "FOR_OPENCV",
    "OPTIMISATIONS",
    "OUTPUT_LAYOUTS",
    "PORTABLE",
    "ImperativeRewrite",
    "Match",
    "Note",
    "Pass",
    "PassManager",
    "PassStatistics",
    "Refusal",
    "RewriteError",
    "RewriteRule",
    "RewriteSet",
    "Rewriter",
    "Rule",
    "RuleContext",
    "RuleSet",
    "SourceOp",
    "Tracer",
    "check_patterns",
    "finish",
    "legalisation",
    "legalise",
    "optimisations",
    "register_pass",
    "register_rewrite",
    "registered_passes",
    "registered_rewrites",
    "rewrite",
    "rule",
    "unregister_pass",
    "unregister_rewrite",
]
