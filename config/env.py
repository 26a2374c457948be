"""Typed reading of environment variables that names the wrong one.

Every variable that Haidai reads is read here or in `settings.py`, and listed in
`docs/CONFIGURATION.md`; a test compares the two.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


class WrongVariable(Exception):
    """An environment variable has a value that cannot be used. The message says which and why."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """`sqlite:///path` or `postgresql://user:password@host:port/name`."""

    vendor: str
    name: str
    user: str = ""
    password: str = ""
    host: str = ""
    port: str = ""


class Environment:
    """Reads variables of one mapping. Each reader raises `WrongVariable` naming the variable."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values

    def text(self, name: str, default: str | None = None) -> str:
        """Return the variable, or `default`; a variable without default must be set."""
        value = self._values.get(name, "")
        if value:
            return value
        if default is None:
            raise WrongVariable(f"{name} is not set. See docs/CONFIGURATION.md.")
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a yes-or-no variable: 1, true, yes, on, or 0, false, no, off."""
        value = self.text(name, "1" if default else "0").lower()
        if value in ("1", "true", "yes", "on"):
            return True
        if value in ("0", "false", "no", "off"):
            return False
        raise WrongVariable(f"{name}={value!r}: expected 1 or 0.")

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within [`least`, `most`]."""
        value = self.text(name, str(default))
        is_number = value.isascii() and value.isdecimal() and len(value) <= len(str(most)) + 2
        if not is_number or not least <= int(value) <= most:
            raise WrongVariable(
                f"{name}={value!r}: expected a whole number from {least} to {most}."
            )
        return int(value)

    def choice(self, name: str, default: str, options: tuple[str, ...]) -> str:
        """Return one of `options`."""
        value = self.text(name, default)
        if value not in options:
            raise WrongVariable(f"{name}={value!r}: expected one of {', '.join(options)}.")
        return value

    def words(self, name: str, default: str) -> list[str]:
        """Return a comma-separated list without blanks."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def keys(self, name: str, *, least: int) -> dict[str, bytes]:
        """Return secrets as `name:hex,name:hex`, each of at least `least` bytes."""
        found = {}
        for word in self.words(name, ""):
            owner, _, text = word.partition(":")
            try:
                found[owner] = bytes.fromhex(text)
            except ValueError as error:
                raise WrongVariable(f"{name}: {owner!r} has no hexadecimal key.") from error
            if len(found[owner]) < least:
                raise WrongVariable(f"{name}: the key of {owner!r} has fewer than {least} bytes.")
        return found

    def directory(self, name: str, default: Path) -> Path:
        """Return an absolute path; it need not exist yet."""
        return Path(self.text(name, str(default))).expanduser().absolute()

    def database(self, name: str, default: str) -> DatabaseUrl:
        """Return a database address, `sqlite:///…` or `postgresql://…`."""
        value = self.text(name, default)
        parts = urlsplit(value)
        if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
            return DatabaseUrl("sqlite", parts.path)
        if parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1:
            try:
                port = str(parts.port or "")
            except ValueError as error:
                raise WrongVariable(f"{name}: the port is not a number.") from error
            return DatabaseUrl(
                "postgresql",
                parts.path[1:],
                unquote(parts.username or ""),
                unquote(parts.password or ""),
                # A Unix socket's directory is given as libpq has it: …/name?host=/directory
                parse_qs(parts.query).get("host", [parts.hostname or ""])[0],
                port,
            )
        raise WrongVariable(
            f"{name}: expected sqlite:///path or postgresql://user:password@host:port/name."
        )
