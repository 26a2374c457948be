"""Small faults planted into Python source, one at a time: comparisons, arithmetic, statements."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
}


@dataclass(frozen=True)
class Mutant:
    """One fault in one function. `name` tells it apart without line numbers."""

    file: str
    function: str
    name: str
    code: CodeType


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Yield every fault of one module, in the order of its text."""
    tree = ast.parse(source)
    for function, path in _functions(tree, []):
        seen: dict[str, int] = {}
        for position, name in enumerate(_sites(function)):
            changed = copy.deepcopy(tree)
            _change(_at(changed, path), position)
            seen[name] = seen.get(name, 0) + 1
            label = name if seen[name] == 1 else f"{name} #{seen[name]}"
            ast.fix_missing_locations(changed)
            code = _find(compile(changed, file, "exec"), path)
            yield Mutant(file, ".".join(path), label, code)


def _functions(node: ast.AST, path: list[str]) -> Iterator[tuple[ast.FunctionDef, tuple[str, ...]]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield child, (*path, child.name)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, [*path, child.name])


def _at(tree: ast.Module, path: tuple[str, ...]) -> ast.FunctionDef:
    node: ast.AST = tree
    for name in path:
        node = next(
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and child.name == name
        )
    assert isinstance(node, ast.FunctionDef)
    return node


def _find(code: CodeType, path: tuple[str, ...]) -> CodeType:
    for name in path:
        code = next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name)
    return code


def _sites(function: ast.FunctionDef) -> list[str]:
    """Name every place where a fault can be planted, in order."""
    walker = _Walker(None)
    walker.body(function)
    return walker.names


def _change(function: ast.FunctionDef, position: int) -> None:
    _Walker(position).body(function)


class _Walker(ast.NodeTransformer):
    """Counts the places; changes the one at `position`."""

    def __init__(self, position: int | None) -> None:
        self.position = position
        self.names: list[str] = []

    def body(self, function: ast.FunctionDef) -> None:
        function.body = [self.visit(statement) for statement in function.body]

    def _here(self, kind: str, node: ast.AST) -> bool:
        self.names.append(f"{kind}: {' '.join(ast.unparse(node).split())[:90]}")
        return len(self.names) - 1 == self.position

    # What is not behaviour: assertions, annotations, docstrings.

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant):
            return node
        if isinstance(node.value, ast.Call) and self._here("left out", node):
            return ast.Pass()
        return self.generic_visit(node)

    # Statements.

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        kept = all(isinstance(one, ast.Attribute | ast.Subscript) for one in node.targets)
        if kept and self._here("left out", node):
            return ast.Pass()
        return self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> ast.AST:
        return ast.Pass() if self._here("left out", node) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        other = _ARITHMETIC.get(type(node.op))
        if other is not None and self._here("other sign", node):
            node.op = other()
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if self._here("negated", node.test):
            node.test = ast.UnaryOp(ast.Not(), node.test)
            return node
        return self.generic_visit(node)

    # Expressions.

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        for number, operator in enumerate(node.ops):
            other = _COMPARISONS[type(operator)]
            label = f"comparison {number + 1}" if len(node.ops) > 1 else "comparison"
            if self._here(label, node):
                node.ops[number] = other()
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        if self._here("and/or", node):
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.Not | ast.USub) and self._here("sign dropped", node):
            return node.operand
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        other = _ARITHMETIC.get(type(node.op))
        if other is not None and self._here("arithmetic", node):
            node.op = other()
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool):
            if self._here("constant", node):
                return ast.Constant(not node.value)
        elif isinstance(node.value, int) and self._here("constant", node):
            return ast.Constant(node.value + 1)
        return node
