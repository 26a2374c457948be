"""Static files under hashed names, the imports between ES modules included."""

from __future__ import annotations

from whitenoise.storage import (  # type: ignore[import-untyped]
    CompressedManifestStaticFilesStorage,
)


class ModuleAwareStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Rewrites `import` paths too: otherwise browsers mix old and new modules after a deploy.

    Before the first `collectstatic` (tests, development) there is no manifest and names stay plain.
    """

    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        """Return the hashed name, or the plain one where nothing has been collected."""
        if not self.hashed_files:
            return str(name)
        return str(super().stored_name(name))

    def url(self, name: str | None, force: bool = False) -> str:
        """Return the address of a file."""
        if not self.hashed_files and name is not None:
            return str(self.base_url) + name
        return str(super().url(name, force))
