"""Packages import only in the order of the data flow, and public names load lazily."""

import ast
import subprocess
import sys

import pytest

import brian_siamsnn as bs
from tests.helpers.paths import ROOT

PACKAGE = ROOT / "brian_siamsnn"
#: In the order of the data flow; "" stands for the top-level modules.
ROOMS = ["", *"sequences spikes neurons model connectivity network matching tracking energy".split()]
ROOMS += "evaluation training reporting diagnostics cli".split()
#: Modules that combine the others and may import from anywhere.
ENTRY_POINTS = {"__main__", "pytest_plugin"}


def imports(path):
    """Modules of the package imported by a module, including imports in functions and for type checkers."""
    package = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".") if node.module else []
            if node.level:
                parts = [*package[: len(package) + 1 - node.level], *parts]
            elif parts[:1] == ["brian_siamsnn"]:
                parts = parts[1:]
            else:
                continue
            for alias in node.names:
                here = PACKAGE.joinpath(*parts, alias.name)
                is_module = any(here.with_suffix(suffix).is_file() for suffix in (".py", ".pyx"))
                yield ".".join([*parts, alias.name] if is_module else parts)


MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): set(imports(path))
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
}


def room(module):
    return module.partition(".")[0] if "." in module or (PACKAGE / module).is_dir() else ""


def test_every_package_has_a_position_in_the_order():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS[1:])


@pytest.mark.parametrize("module", sorted(MODULES.keys() - ENTRY_POINTS))
def test_a_module_imports_only_from_its_own_and_earlier_packages(module):
    own = ROOMS.index(room(module))
    assert [other for other in MODULES[module] if ROOMS.index(room(other)) > own] == []


def test_there_are_no_circular_imports():
    left = {module: others & MODULES.keys() for module, others in MODULES.items()}
    while free := {module for module, others in left.items() if not others & left.keys()}:
        left = {module: others for module, others in left.items() if module not in free}
    assert left == {}


def test_few_modules_are_at_the_top_level():
    assert len([module for module in MODULES if room(module) == ""]) <= 12


# public names


def test_importing_the_package_loads_neither_numpy_nor_brian2():
    code = "import sys, brian_siamsnn; assert not {'numpy', 'brian2', 'torch', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_dir_lists_the_public_names():
    assert set(bs.__all__) <= set(dir(bs))


@pytest.mark.parametrize("name", bs.__all__)
def test_public_names_exist_and_are_documented(name):
    assert getattr(bs, name).__doc__


def test_an_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="'nonsense'"):
        _ = bs.nonsense


def test_only_the_modules_named_brian2_use_its_internals():
    internals = (
        "_spikespace",
        "update_abstract_code",
        "compiled_code",
        ".get_value()",
        "codeobj_class",
        ".static_arrays",
        "cython_extension_manager",
        "_full_state",
        "_auto_target",
    )
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(name in path.read_text(encoding="utf-8") for name in internals)
    }
    # brian2_attached uses attributes whose names others have, too
    assert users == {f"network/brian2_{part}.py" for part in ("cache", "code", "names", "state")}
