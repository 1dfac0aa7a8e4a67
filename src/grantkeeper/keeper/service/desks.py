"""What a keeper has for the service, beside its verbs."""

from __future__ import annotations

from ..operators.desk import OperatorDesk
from ..operators.overview import Overview
from ..parts import Parts
from .answers import KeptAnswers
from .auditing import Auditing
from .health import Health
from .keys import ApiKeys
from .webhooks import WebhookDesk


class ServiceDesks:
    """The parts of a Keeper that have verbs of their own; in a file of its own because a Keeper can do much."""

    keys: ApiKeys
    operators: OperatorDesk
    overview: Overview
    webhooks: WebhookDesk
    audit: Auditing
    health: Health
    answers: KeptAnswers

    def _open_desks(self, parts: Parts) -> None:
        self.keys, self.operators, self.overview = ApiKeys(parts), OperatorDesk(parts), Overview(parts)
        self.webhooks, self.audit = WebhookDesk(parts), Auditing(parts)
        self.health, self.answers = Health(parts), KeptAnswers(parts)
