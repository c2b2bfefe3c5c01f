"""Client methods for templates."""

from collections.abc import Iterator

from indexer.types import Template, TemplateState
from search_api.client.transport import Transport


class TemplateCalls:
    """The part of the client that is about templates; `Lookalike` has the rest."""

    _transport: Transport

    def templates(
        self, state: TemplateState | None = None, *, limit: int = 100
    ) -> Iterator[Template]:
        """Yield the templates, oldest first."""
        return self._transport.pages("/v1/templates", Template, state=state, limit=limit)

    def template(self, template_id: int) -> Template:
        """Return one template."""
        return self._transport.ask("GET", f"/v1/templates/{template_id}", Template)

    def confirm_template(self, template_id: int) -> Template:
        """Confirm that a template is a frame."""
        return self._transport.change("POST", f"/v1/templates/{template_id}/confirm", Template)

    def reject_template(self, template_id: int) -> Template:
        """Reject a template, which then discounts nothing."""
        return self._transport.change("POST", f"/v1/templates/{template_id}/reject", Template)
