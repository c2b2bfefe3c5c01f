"""Templates: frames that many images share, and the images that have them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select, update

from indexer.store.edits import Edits
from indexer.store.models import TemplateLearningRow, TemplateMemberRow, TemplateRow
from indexer.store.queries import IDS, Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.types import FoundTemplate, Template, TemplateState

_TEMPLATES_OF: Final = select(TemplateMemberRow.image_id, TemplateMemberRow.template_id).where(
    TemplateMemberRow.image_id.in_(IDS)
)
_DECIDED = {TemplateState.CONFIRMED: "confirm", TemplateState.REJECTED: "reject"}


class Templates(Queries):
    """The templates within one transaction; one whose images were all removed is not shown."""

    def page(
        self, *, state: TemplateState | None = None, after_id: int = 0, limit: int | None = None
    ) -> list[Template]:
        """Return a page of the templates, oldest first."""
        conditions = [TemplateRow.id > after_id]
        if state is not None:
            conditions.append(TemplateRow.state == state.value)
        return self._templates_where(*conditions, limit=limit)

    def get(self, template_id: int) -> Template:
        """Return a template.

        Raises
        ------
        NotFoundError
            There is no such template.
        """
        return require(
            self._templates_where(TemplateRow.id == min(template_id, MAX_ID)),
            f"There is no template {template_id}. `lookalike template list` shows them.",
        )

    def of_images(self, image_ids: Iterable[int]) -> dict[int, Template]:
        """Return the templates of images, by image id; most images have none."""
        rows = self._rows_of(_TEMPLATES_OF, image_ids)
        template_of = {row.image_id: row.template_id for row in rows}
        if not template_of:
            return {}
        found = self._templates_where(TemplateRow.id.in_({*template_of.values()}))
        by_id = {template.id: template for template in found}
        return {image_id: by_id[template_of[image_id]] for image_id in sorted(template_of)}

    def images(self, template_id: int, *, after_id: int = 0, limit: int | None = None) -> list[int]:
        """Return a page of the images that have a template's frame, ascending."""
        statement = (
            select(TemplateMemberRow.image_id)
            .where(
                TemplateMemberRow.template_id == min(template_id, MAX_ID),
                TemplateMemberRow.image_id > after_id,
            )
            .order_by(TemplateMemberRow.image_id)
            .limit(limit)
        )
        return list(self._connection.scalars(statement))

    def watermark(self) -> int:
        """Return the number of the last change that templates were learned from; 0 for none."""
        number: int | None = self._connection.scalar(select(TemplateLearningRow.watermark))
        return number or 0

    def _templates_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[Template]:
        members = func.count(TemplateMemberRow.image_id).label("seen_in")
        first = func.min(TemplateMemberRow.image_id).label("image_id")
        statement = (
            select(TemplateRow.__table__, members, first)
            .join(TemplateMemberRow, TemplateMemberRow.template_id == TemplateRow.id)
            .where(*conditions)
            .group_by(TemplateRow.id)
            .order_by(TemplateRow.id)
            .limit(limit)
        )
        return [_template(row) for row in self._connection.execute(statement)]


class TemplateEdits(Templates, Edits):
    """The templates within a writing transaction."""

    def add(self, found: FoundTemplate) -> Template:
        """Add a template with its images, none of which may have one."""
        row = {
            "state": TemplateState.FOUND.value,
            "mask": found.mask,
            "created_at": self._now,
            "updated_at": self._now,
        }
        template_id = self._insert_one(TemplateRow, row)
        self._join(template_id, found.members)
        self._audit.record("template.learn", "template", template_id, images=len(found.members))
        return self.get(template_id)

    def join(self, template_id: int, image_ids: Sequence[int]) -> int:
        """Let images have a template's frame; return how many had no template before.

        Its mask, its decision and the images that it has stay.

        Raises
        ------
        NotFoundError
            There is no such template.
        """
        template = self.get(template_id)
        held = self.of_images(image_ids)
        new = [image_id for image_id in dict.fromkeys(image_ids) if image_id not in held]
        if new:
            self._join(template.id, new)
            self._touch(template.id)
            self._audit.record("template.learn", "template", template.id, images=len(new))
        return len(new)

    def decide(self, template_id: int, state: TemplateState) -> Template:
        """Confirm or reject a template; doing it again changes nothing.

        Raises
        ------
        NotFoundError
            There is no such template.
        """
        template = self.get(template_id)
        if template.state is not state:
            self._touch(template.id, state=state.value)
            seen_in = template.seen_in
            self._audit.record(
                f"template.{_DECIDED[state]}", "template", template.id, images=seen_in
            )
        return self.get(template.id)

    def move_watermark(self, number: int) -> None:
        """Remember that templates were learned from all changes up to a number."""
        moved = self._connection.execute(update(TemplateLearningRow).values(watermark=number))
        if not moved.rowcount:
            self._insert(TemplateLearningRow, [{"id": 1, "watermark": number}])

    def _join(self, template_id: int, image_ids: Iterable[int]) -> None:
        rows = [{"image_id": image_id, "template_id": template_id} for image_id in image_ids]
        self._insert(TemplateMemberRow, rows)

    def _touch(self, template_id: int, **values: Any) -> None:
        self._connection.execute(
            update(TemplateRow)
            .where(TemplateRow.id == template_id)
            .values(updated_at=self._now, **values)
        )


def _template(row: Row[Any]) -> Template:
    return from_row(Template, row, state=TemplateState(row.state), mask=row.mask.hex())
