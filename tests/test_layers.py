"""Imports point down only, tables open without TensorFlow, and a package's `__init__` is empty."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = (
    ("base",),
    ("storage", "cli"),
    ("smoothing", "perturbations", "statistics", "datasets", "architectures"),
    ("claims", "training", "attacks", "lipschitz"),
    ("experiments", "certification", "reporting"),
    ("studies",),
    ("reproduce", "certify"),
)
"""From the bottom up; each name is a module or a package of src."""

LIGHT_PACKAGES = {"storage", "statistics", "perturbations", "claims", "reporting"}
"""Their modules open without TensorFlow."""

LIGHT = {
    "base", "experiments.conditions", "experiments.estimates", "experiments.folders", "experiments.run",
    "experiments.trial_table", "training.trial", "training.recipes", "lipschitz.blur_inequality", "smoothing.radius",
    "certification.log", "certification.log_format", "certification.settings", "certification.summary",
    "certification.curves", "certification.options", "certification.user_data",
}  # fmt: skip
"""As these do."""

LIGHT_IN_STUDIES = {"config", "plan", "tables", "figures", "claims", "report", "evidence", "finding"}
"""Modules of these names do in any study."""


def modules_of(root: Path) -> dict[str, Path]:
    """Every module under root/src by its dotted name; a package goes by its own."""
    found = {}
    for path in sorted((root / "src").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(module: str, path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of src that a module names in an import, at its top, in a function or for its types alone."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            # `from src.datasets import mnist` imports a module, `from src.storage.files import sha256` a name of one.
            full = {f"{source}.{alias.name}" for alias in node.names}
            named |= {name for name in full if name in modules} | ({source} if full - modules.keys() else set())
    return {name for name in named if name.split(".")[0] == "src"} - {module}


def layer_of(module: str) -> int | None:
    parts = module.split(".")
    return next((height for height, names in enumerate(LAYERS) if len(parts) > 1 and parts[1] in names), None)


def study_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[2] if parts[1] == "studies" and len(parts) > 2 else None


def complaints(root: Path) -> list[str]:
    """What is wrong with the imports under root/src; empty if nothing is."""
    modules = modules_of(root)
    found = []
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        if module == "src":
            continue
        if layer_of(module) is None:
            found.append(f"{module} is in no layer")
            continue
        graph[module] = imports_of(module, path, modules)
        for target in sorted(graph[module]):
            height = layer_of(target)
            if target not in modules:
                found.append(f"{module} imports {target}, which is not there")
            elif height is None:
                found.append(f"{module} imports {target}, which is in no layer")
            elif height > layer_of(module):
                found.append(f"{module} imports {target}, which is above it")
            elif study_of(target) not in (None, study_of(module)) and height == layer_of(module):
                found.append(f"{module} imports {target}, which is another study")
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        found.append(f"a cycle: {' -> '.join(reversed(error.args[1]))}")
    return found


def light_modules(root: Path) -> list[str]:
    def is_light(module: str) -> bool:
        parts = module.split(".")[1:]
        in_study = parts[:1] == ["studies"] and parts[-1] in LIGHT_IN_STUDIES
        return in_study or (parts[:1] != [] and (parts[0] in LIGHT_PACKAGES or ".".join(parts) in LIGHT))

    return [module for module in modules_of(root) if is_light(module)]


def test_imports_point_down_only() -> None:
    assert complaints(ROOT) == []


def test_everything_was_read() -> None:
    modules = modules_of(ROOT)
    assert {"src", "src.base", "src.storage.records", "src.studies.resolution.config"} <= set(modules)
    assert len(modules) == len(list((ROOT / "src").rglob("*.py")))
    trainer = imports_of("src.training.trainer", modules["src.training.trainer"], modules)
    assert {"src.base", "src.training.trial", "src.training.checkpoints"} <= trainer


def test_every_init_is_empty() -> None:
    packages = {path.parent for path in (ROOT / "src").rglob("*.py")}
    assert packages
    for package in packages:
        assert (package / "__init__.py").read_bytes() == b"", f"{package} has no __init__.py or a full one"


def test_tables_open_without_tensorflow() -> None:
    modules = light_modules(ROOT)
    assert {f"src.{name}" for name in LIGHT} <= set(modules)
    assert {"src.storage.records", "src.statistics.intervals", "src.studies.resolution.config"} <= set(modules)
    script = (
        "import importlib, sys\n"
        "for module in sys.argv[1:]:\n"
        "    importlib.import_module(module)\n"
        "    heavy = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "    if heavy:\n"
        "        sys.exit(f'{module} imports {sorted(heavy)}')\n"
    )
    command = [sys.executable, "-c", script, *modules]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tree(root: Path, files: dict[str, str]) -> Path:
    """A small src that is in order, with these files added or replaced."""
    sound = {
        "__init__": "", "base": "", "storage/__init__": "", "storage/files": "from src.base import X",
        "storage/records": "from src.storage.files import write", "statistics/__init__": "", "statistics/intervals": "",
        "datasets/__init__": "", "datasets/mnist": "import src.storage.files", "claims/__init__": "",
        "claims/claim": "", "studies/__init__": "", "studies/one/__init__": "",
        "studies/one/config": "from src.datasets.mnist import Y",
        "studies/one/run": "from src.studies.one import config\nfrom . import config", "studies/two/__init__": "",
        "studies/two/run": "import src.claims.claim", "reproduce": "from src.studies.one.run import main",
    }  # fmt: skip
    for name, text in {**sound, **files}.items():
        path = root / "src" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


ANOTHER = "src.studies.one.run imports src.studies.two.run, which is another study"
ABOVE = "src.statistics.intervals imports src.claims.claim, which is above"


def test_a_sound_tree_passes(tmp_path: Path) -> None:
    assert complaints(tree(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"base": "import src.storage.records"}, "src.base imports src.storage.records, which is above it"),
        ({"base": "def f():\n    from src.storage.records import X"}, "src.base imports src.storage.records, which"),
        ({"statistics/intervals": "from src.claims import claim as claims"}, ABOVE),
        ({"statistics/intervals": "from src.claims.claim import Claim"}, ABOVE),
        ({"statistics/intervals": "from ..claims import claim"}, ABOVE),
        ({"statistics/intervals": "if TYPE_CHECKING:\n    import src.claims.claim"}, ABOVE),
        ({"datasets/mnist": "from ..claims.claim import Claim"}, "src.datasets.mnist imports src.claims.claim, which"),
        ({"datasets/__init__": "from src.claims.claim import C"}, "src.datasets imports src.claims.claim, which"),
        ({"claims/claim": "from src.studies.one.config import C"}, "src.claims.claim imports src.studies.one"),
        ({"studies/one/run": "import src.reproduce"}, "src.studies.one.run imports src.reproduce, which is above it"),
        ({"studies/one/run": "from src.studies.two import run"}, ANOTHER),
        ({"studies/one/run": "from ..two.run import x"}, ANOTHER),
        ({"storage/files": "from src.storage.records import R"}, "a cycle: src."),
        (
            {
                "statistics/intervals": "import src.datasets.mnist",
                "datasets/mnist": "def f():\n    import src.statistics.intervals",
            },
            "a cycle: ",
        ),
        ({"helpers": ""}, "src.helpers is in no layer"),
        ({"utils/__init__": "", "utils/x": ""}, "src.utils.x is in no layer"),
        ({"statistics/intervals": "import src.gone"}, "src.statistics.intervals imports src.gone, which is not there"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    assert any(found.startswith(complaint) for found in complaints(tree(tmp_path, files)))


def test_light_modules_are_found_by_name(tmp_path: Path) -> None:
    added = ("studies/two/tables", "studies/two/plan", "datasets/config", "smoothing/radius", "smoothing/noise")
    root = tree(tmp_path, dict.fromkeys(added, ""))
    assert light_modules(root) == [
        "src.base", "src.claims", "src.claims.claim", "src.smoothing.radius", "src.statistics",
        "src.statistics.intervals", "src.storage", "src.storage.files", "src.storage.records", "src.studies.one.config",
        "src.studies.two.plan", "src.studies.two.tables",
    ]  # fmt: skip
