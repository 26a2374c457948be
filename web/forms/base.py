"""What every form that acts has: an operation id, and errors with stable codes."""

from __future__ import annotations

import uuid
from typing import Any, Final, Self

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.http import HttpRequest

from exchange.link import LinkError
from exchange.models import Instrument
from web import reasons

_ACTED: Final = "acted"
_ACTED_MOST: Final = 100
"""Operation ids that a session remembers."""


class ActForm(forms.Form):
    """A form that acts once however often it is sent.

    `op_id` is drawn when the page is rendered and comes back with the form, so that a double
    click and a re-sent form carry the same one.
    """

    op_id = forms.UUIDField(widget=forms.HiddenInput({"id": False}))

    @classmethod
    def fresh(cls, *args: Any, **initial: Any) -> Self:
        """Return an empty form with a new operation id; `args` as the form's own first ones."""
        options: dict[str, Any] = {"initial": {"op_id": uuid.uuid4()} | initial}
        return cls(*args, **options)

    def operation(self, kind: str) -> str:
        """Return the engine's operation id of this sending, such as `in:<uuid>`."""
        return f"{kind}:{self.cleaned_data['op_id']}"

    def refuse(
        self,
        code: str,
        field: str | None = None,
        values: tuple[int, ...] = (),
        instrument: Instrument | None = None,
    ) -> None:
        """Put a refusal at its field, or above the form when no field is to blame.

        What was refused is over: the corrected form is a new operation.
        """
        at = field if field in self.fields else None
        self.add_error(at, ValidationError(reasons.sentence(code, values, instrument), code=code))
        self.renew()

    def interrupted(self, error: LinkError) -> None:
        """Say that the engine did not answer; the same operation may be sent again."""
        self.add_error(None, ValidationError(reasons.sentence("RESTARTING"), code=error.code))

    def renew(self) -> None:
        """Draw a new operation id for the next sending."""
        data: Any = self.data  # a QueryDict, which a view may not change in place
        data = data.copy()
        data["op_id"] = str(uuid.uuid4())
        self.data = data


class NumberField(forms.CharField):
    """A positive decimal number as people type it, thousands separators allowed; stays text."""

    def __init__(self, *, decimals: int = 6, **options: Any) -> None:
        options.setdefault("max_length", 24)
        fraction = rf"(\.[0-9]{{1,{decimals}}})?" if decimals else ""
        pattern = RegexValidator(rf"\A[0-9]{{1,15}}{fraction}\Z", code="NUMBER")
        super().__init__(validators=[pattern], **options)
        self.widget.attrs |= {"inputmode": "decimal" if decimals else "numeric"}
        self.widget.attrs |= {"autocomplete": "off"}

    def to_python(self, value: Any) -> str:
        """Drop thousands separators."""
        return str(super().to_python(value) or "").replace(",", "").replace("，", "")


def has_acted(request: HttpRequest, form: ActForm) -> bool:
    """Say whether this session has already done what the form asks, under the same id."""
    return str(form.cleaned_data["op_id"]) in request.session.get(_ACTED, [])


def remember(request: HttpRequest, form: ActForm) -> None:
    """Remember that the form's operation is done."""
    done = [*request.session.get(_ACTED, []), str(form.cleaned_data["op_id"])]
    request.session[_ACTED] = done[-_ACTED_MOST:]
