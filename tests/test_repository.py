"""What must hold of the repository as a whole."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("matching", "exchange", "settlement", "web", "config")
# Seconds of waiting, not money, weight, price or quantity.
CLOCK_FILES = {
    "exchange/link.py",
    "exchange/sequencer.py",
    "exchange/link_server.py",
    "exchange/feed_server.py",
    "exchange/feed_redis.py",
    "exchange/followers.py",
    "exchange/frames.py",
    "exchange/journal.py",
    "exchange/trading_days.py",
    "settlement/books.py",
}
BANNED = ("开仓", "平仓", "持仓", "保证金比例", "盈亏")
BANNED_ENGLISH = re.compile(
    r"\b(open|close)(s|d|ing)? (a )?position|\bmargin (call|requirement|trading)|\bleverage\b", re.I
)


def sources(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_no_float_counts_money_weight_price_or_quantity() -> None:
    found = []
    for path in sources("matching", "exchange", "settlement"):
        name = str(path.relative_to(ROOT))
        if name in CLOCK_FILES:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
            is_name = isinstance(node, ast.Name) and node.id == "float"
            is_division = (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Div)
                # Where `/` joins paths, and where it divides exact fractions.
                and not name.startswith(("exchange/", "settlement/quality/"))
            )
            if is_float or is_name or is_division:
                found.append((name, getattr(node, "lineno", 0)))
    assert found == []


def test_matching_iterates_no_set_and_asks_no_clock() -> None:
    banned = {"time", "random", "uuid", "datetime", "os", "asyncio", "logging", "decimal"}
    for path in sources("matching"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: set[str] = set()
            if isinstance(node, ast.Import):
                names = {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = {node.module.partition(".")[0]}
            assert not names & banned, (path, names)
            if isinstance(node, ast.For):
                assert not isinstance(node.iter, ast.Set | ast.SetComp), path


def test_no_screen_message_or_document_uses_words_of_another_trade() -> None:
    places = [
        *(ROOT / "web" / "templates").rglob("*.html"),
        *(ROOT / "web" / "locale").rglob("*.po"),
        *(ROOT / "web" / "static" / "js").rglob("*.js"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "web" / "reasons.py",
    ]
    for path in places:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in BANNED if word in text], path
        assert not BANNED_ENGLISH.search(text), path


def test_no_screen_counts_in_lots() -> None:
    for path in (ROOT / "web" / "locale").rglob("*.po"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("msgstr"):
                assert not re.search(r"\blots?\b", line, re.I), (path, line)
    for path in (ROOT / "web" / "templates").rglob("*.html"):
        assert "手" not in re.sub("手续费|对手", "", path.read_text(encoding="utf-8")), path


def test_the_commands_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    asked = set(re.findall(r"make ([a-z-]+)", readme))
    assert asked <= targets, asked - targets
    for command in re.findall(r"manage\.py ([a-z_]+)", readme):
        if command != "help":
            assert list(ROOT.glob(f"*/management/commands/{command}.py")), command


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), (path.name, target)


def test_every_setting_and_dependency_is_documented() -> None:
    settings = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    names = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", settings))
    documented = (ROOT / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")
    assert {name for name in names if f"`{name}`" not in documented} == set()
    listed = (ROOT / "docs" / "DEPENDENCIES.md").read_text(encoding="utf-8")
    for file in ("requirements.in", "requirements-dev.in"):
        for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "-r")):
                package = re.split(r"[\[<>=]", line)[0]
                assert package in listed, package


def test_lock_files_carry_names_versions_and_hashes_only() -> None:
    locks = sorted(ROOT.glob("*.lock")) + sorted((ROOT / "tests").rglob("*.lock"))
    assert len(locks) == 7
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock.name
        assert "index" not in text.replace("sortedcontainers", ""), lock.name
        assert text.count("--hash=sha256:") > text.count("=="), lock.name


def test_vendored_files_are_what_their_list_says() -> None:
    listed = tomllib.loads((ROOT / "web/static/vendor/VENDOR.toml").read_text(encoding="utf-8"))
    for one in listed["file"]:
        content = (ROOT / "web" / "static" / one["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["sha256"], one["path"]
        assert one["licence"]
        assert one["version"]
    paths = {one["path"] for one in listed["file"]}
    for path in (ROOT / "web/static").rglob("*.mjs"):
        assert str(path.relative_to(ROOT / "web/static")) in paths


def test_each_python_gets_the_packages_that_the_product_has() -> None:
    wanted = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for line in (ROOT / "tests/versions/requirements.lock").read_text("utf-8").splitlines():
        assert line.split()[0] in wanted


def test_tests_do_not_sleep() -> None:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "sleep":
                    # `asyncio.sleep(0)` lets others run; it waits for nothing.
                    argument = node.args[0]
                    assert isinstance(argument, ast.Constant), (path.name, node.lineno)
                    assert argument.value == 0, (path.name, node.lineno)
                assert node.func.attr != "wait_for_timeout", (path.name, node.lineno)


@pytest.mark.parametrize("name", ["utils", "helpers", "services", "signals"])
def test_no_file_is_a_drawer(name: str) -> None:
    assert [path for path in tracked() if Path(path).stem == name] == []


def test_no_model_saves_or_signals_behind_anyones_back() -> None:
    for path in sources("exchange", "settlement", "web"):
        text = path.read_text(encoding="utf-8")
        assert "def save(self" not in text, path
        assert "django.dispatch" not in text, path
        assert "post_save" not in text, path


def test_instruments_are_listed_through_one_function() -> None:
    """It asks whether rules are in force; whoever calls the rulebook by itself passes it by."""
    found = [
        (str(path.relative_to(ROOT)), node.lineno)
        for path in sources("settlement", "web", "config")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if _lists(node)
    ]
    assert {path for path, _ in found} == {"settlement/quality/listing.py"}, found


def _lists(node: ast.AST) -> bool:
    """Whether this names the rulebook's own function, or makes an instrument's row."""
    if isinstance(node, ast.ImportFrom):
        return any(one.name in ("propose_instrument", "announce") for one in node.names)
    if not isinstance(node, ast.Attribute):
        return False
    is_row = ast.unparse(node.value) == "Instrument.objects" and "create" in node.attr
    return is_row or node.attr in ("propose_instrument", "announce")


def test_imports_of_modules_end_with_a_semicolon() -> None:
    """Without one the storage leaves the name unhashed and browsers mix old and new modules."""
    for path in (ROOT / "web" / "static" / "js").rglob("*.js"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("import "):
                assert line.endswith(";"), (path.name, line)
