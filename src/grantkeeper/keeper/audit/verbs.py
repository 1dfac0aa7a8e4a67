"""A keeper's verbs about itself: whether it can work."""

from __future__ import annotations

from .auditing import Auditing


class AuditVerbs:
    """What a Keeper can say about its own database."""

    audit: Auditing

    def ready(self) -> None:
        """Return when the database answers, has this version's tables, and was written with a key that is here.

        Raises:
            DatabaseUnavailable: it does not answer.
            Misconfigured: its tables are of another version.
            SealBroken: what was last written in it was signed or sealed with a key that is not in the key ring.
        """
        self.audit.ready()
