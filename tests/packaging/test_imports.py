"""The dependency directions of the design: every other arrow fails here."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"compiler": "regraft", "passes": "regraft.passes", "custom_ops": "regraft.custom_ops"}

TOOLBOX = {"errors", "ir", "options", "report"}
ALLOWED: dict[str, set[str]] = {
    "ir": set(),
    "errors": set(),
    "options": {"errors", "ir"},
    "report": {"errors", "ir"},
    "passes": {"ir", "errors", "custom_ops.schema"},
    "frontends": {"ir", "errors"},
    "emit": {"ir", "errors"},
    "custom_ops": {"ir", "errors"},
    "runtime": {"custom_ops", "errors"},
    "plugins": {"custom_ops", "errors", "passes"},
    "layers": {"custom_ops", "errors", "ir", "passes"},
    "images": {"errors"},
    "scaffold": {"errors", "ir", "layers", "passes"},
    "catalogue": {"custom_ops", "passes"},
    "sources": TOOLBOX | {"custom_ops", "emit", "frontends", "layers", "passes"},
    "lowering": {"custom_ops", "emit", "errors", "frontends", "ir", "layers", "options", "passes", "report_page"}
    | {"runtime", "sources", "verification"},
    "work": {"costs", "ir"},
    "model": {"emit", "errors", "layers", "passes", "profiling", "report", "report_page", "runtime", "work"},
    "live": {"errors"},
    "loading": {"emit", "layers", "runtime", "work"},
    "api": TOOLBOX
    | {
        "emit",
        "frontends",
        "layers",
        "live",
        "lowering",
        "model",
        "passes",
        "plugins",
        "precision",
        "report_page",
        "sources",
        "work",
    },
    "precision": {"emit", "errors", "images", "ir", "options", "passes", "report", "runtime"},
    "costs": set(),
    "profiling": {"errors"},
    "report_page": {"costs", "emit", "errors", "ir", "profiling", "report"},
    "verification": {"errors", "ir", "passes"},
    "inspection": {"api", "costs", "emit", "frontends", "profiling", "report_page", "sources", *TOOLBOX},
    "demo": {"api", "images", *TOOLBOX},
    "dnn": {"api", "custom_ops", "images", "loading", "model", "profiling", "sources", *TOOLBOX},
    "reference": {"ir"},
    "judges": {"errors", "runtime"},
    "diff": {"api", "emit", "frontends", "images", "judges", "layers", "lowering", "model", "passes", "reference"}
    | {"report_page", "runtime", "sources", *TOOLBOX},
    "commands": {"api", "catalogue", "demo", "diff", "images", "inspection", "plugins", "scaffold", *TOOLBOX}
    | {"loading", "model", "profiling", "sources"},
    "cli": {"commands", "errors"},
    "__main__": {"cli"},
    "__init__": {"api", "custom_ops", "errors", "loading", "model", "report", "runtime"},
}
"""What each part of `regraft` may import beside itself."""

THIRD_PARTY: dict[str, set[str]] = {
    "ir": {"numpy", "networkx"},
    "errors": set(),
    "options": set(),
    "report": set(),
    "cli": set(),
    "passes": {"numpy"},
    "reference": {"numpy"},
}
"""Parts whose third-party imports are limited; TensorFlow and OpenCV are banned everywhere by ruff."""

NEVER = {"tensorflow", "cv2", "tf2onnx", "torch", "caffe"}


def _modules() -> Iterator[tuple[str, Path]]:
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield ".".join((package, *(p for p in parts if p != "__init__"))), path


MODULES = dict(_modules())


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that the file imports, wherever the statement stands, and its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in MODULES else node.module), node.lineno


def _part(module: str) -> str:
    """`ir` of `regraft.ir.graph`."""
    inner = module.partition(".")[2]
    return inner.partition(".")[0] or "__init__"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_our_own_imports_follow_the_design(module: str) -> None:
    part = _part(module)
    assert part in ALLOWED, f"{module} is new: say in this test what it may import"
    wrong = []
    for imported, line in _imports(MODULES[module]):
        if imported.partition(".")[0] != "regraft" or _part(imported) in (part, "__init__"):
            continue
        inner = imported.partition(".")[2]
        if not any(inner == a or inner.startswith(a + ".") for a in ALLOWED[part]):
            wrong.append(f"{MODULES[module].relative_to(ROOT)}:{line} imports {imported}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_third_party_imports(module: str) -> None:
    limited = THIRD_PARTY.get(_part(module))
    for imported, line in _imports(MODULES[module]):
        top = imported.partition(".")[0]
        if top in sys.stdlib_module_names or top == "regraft":
            continue
        place = f"{MODULES[module].relative_to(ROOT)}:{line}"
        assert top not in NEVER, f"{place} imports {top}"
        assert limited is None or top in limited, f"{place} imports {top}; {_part(module)} may use {sorted(limited)}"


def test_importing_regraft_is_cheap() -> None:
    """`import regraft` pulls in neither numpy nor onnx: names are imported when they are used."""
    import subprocess

    heavy = {"numpy", "onnx", "onnxruntime", "networkx", "rich"}
    code = f"import sys, regraft; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_compiling_needs_no_onnx_runtime() -> None:
    import subprocess

    code = "import sys, regraft; regraft.compile; print('onnxruntime' in sys.modules, 'rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
