"""Quotations in the documents match the files, and imported names exist."""

import ast
import importlib
import re
import textwrap
import tomllib

import pytest

from tests.helpers.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

FENCED = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
QUOTED = re.compile(r"^<!-- from (\S+) -->\n```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(pattern):
    """The matches in every page, each with a test id."""
    return [
        pytest.param(*match.groups(), id=f"{page.name}:{page.read_text()[: match.start()].count(chr(10)) + 1}")
        for page in PAGES
        for match in pattern.finditer(page.read_text())
    ]


def holds(whole, part, where=""):
    """Assert that another table has each key of this one, with the same value."""
    for key, value in part.items():
        assert key in whole, f"{where}{key} is not in the file"
        if isinstance(value, dict):
            holds(whole[key], value, f"{where}{key}.")
        else:
            assert value == whole[key], f"{where}{key}"


def stripped(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("path, language, text", blocks(QUOTED))
def test_quotations_match_the_quoted_files(path, language, text):
    source = (ROOT / path).read_text()
    if language == "toml":
        holds(tomllib.loads(source), tomllib.loads(text))
    else:
        lines, wanted = stripped(source), stripped(text)
        starts = range(len(lines) - len(wanted) + 1)
        assert any(lines[start : start + len(wanted)] == wanted for start in starts), f"no longer in {path}"


def test_the_equations_are_quoted_in_the_documents():
    quoted = {parameter.values[0] for parameter in blocks(QUOTED)}
    assert {f"equations/{name}.toml" for name in ("rate", "phase", "burst", "two_status", "wave")} <= quoted


@pytest.mark.parametrize("changed", ['update = "v += 2*I"', 'resett = "v -= v_th"', "[parameters.v_th]\ndefault = 2.0"])
def test_a_stale_quotation_is_detected(changed):
    rate = tomllib.loads((ROOT / "equations" / "rate.toml").read_text())
    with pytest.raises(AssertionError):
        holds(rate, tomllib.loads(changed))


@pytest.mark.parametrize("coding", ["rate", "phase", "burst", "two_status", "wave", "real"])
def test_the_coding_guide_quotes_the_equation_files(coding):
    """In each coding, all of the first lines of code except the paper's own formula (V_th) are lines of its file."""
    guide = (ROOT / "docs" / "codings.md").read_text()
    section = re.search(rf"^## {coding}\b.*?(?=^## )", guide, re.DOTALL | re.MULTILINE).group()
    code = [line.strip() for line in re.findall(r"^ {4}(.+)$", section, re.MULTILINE)]
    file = tomllib.loads((ROOT / "equations" / f"{coding}.toml").read_text())
    known = {line for key in ("model", "update", "threshold", "reset") for line in stripped(file.get(key, ""))}
    shown = [line for line in code if not line.startswith("V_th")]
    assert shown and set(shown) <= known


@pytest.mark.parametrize("language, code", [each for each in blocks(FENCED) if each.values[0] == "python"])
def test_python_in_the_documents_compiles_and_its_imports_exist(language, code):
    # in a function, because a quotation may be the end of a function body
    tree = ast.parse("def quoted():\n" + textwrap.indent(code, "    "))
    compile(tree, "block", "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "brian_siamsnn":
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


BRIAN2 = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs" / "brian2_network.md").read_text(), re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize("example", BRIAN2[1:], ids=lambda code: code.splitlines()[0][:40])
def test_examples_with_brian2_objects_run(example, monkeypatch):
    """Each one after the first block of the page, with the asserts that it contains."""
    if "brian2tools" in example:
        pytest.importorskip("brian2tools")
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    # as a module of a user's own, whose names Brian2 finds
    namespace = {"__name__": "example"}
    exec(BRIAN2[0] + example, namespace)


GALLERY = (ROOT / "docs" / "gallery.md").read_text()


def test_every_analysis_is_in_the_gallery_with_valid_options():
    commands = re.findall(r"python (analysis/\w+\.py)([^`\n]*)", GALLERY)
    assert {path for path, _ in commands} == {f"analysis/{path.name}" for path in (ROOT / "analysis").glob("*.py")}
    for path, options in commands:
        for option in re.findall(r"--[\w-]+", options):
            assert f'add_argument("{option}"' in (ROOT / path).read_text(), f"{path} has no {option}"


def test_gallery_pictures_exist_and_are_small():
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "gallery").iterdir()}
    assert sizes.keys() == set(re.findall(r"\]\(gallery/([^)]*)\)", GALLERY))
    assert max(sizes.values()) < 200_000 and sum(sizes.values()) < 1_500_000


def test_result_tables_match_the_measured_files(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    tables = importlib.import_module("tables")
    page = tables.PAGE.read_text(encoding="utf-8")
    names = {"frames", "levels", "peers", "waves", "scaling", "overhead"}
    assert {name for _, name, _ in tables.TABLE.findall(page)} == names
    assert tables.written(page) == page
