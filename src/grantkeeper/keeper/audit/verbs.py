"""A keeper's verbs about itself, and about the end of a customer's data."""

from __future__ import annotations

from ...model import Erasure
from .auditing import Auditing
from .erasing import EndOfOwner


class AuditVerbs:
    """What a Keeper can do for whoever answers for it."""

    audit: Auditing
    _end_of_owner: EndOfOwner

    def ready(self) -> None:
        """Return when the database answers, has this version's tables, and was written with a key that is here.

        Raises:
            DatabaseUnavailable: it does not answer.
            Misconfigured: its tables are of another version.
            SealBroken: what was last written in it was signed or sealed with a key that is not in the key ring.
        """
        self.audit.ready()

    def erase(self, owner: str, *, by: str = "program") -> Erasure:
        """Erase what is personal about an owner: a request of theirs, or the end of your contract.

        Ends their grants, here and at the provider, as `revoke` does, and their links; then takes e-mail addresses,
        subjects and names out of grants, links, accounts and audit entries. What stays names nobody: that there was a
        grant, when it was given and ended, and what was done by whom. The owner's id stays: it is yours.

        A grant that the provider has not heard of (`pending`) keeps what is needed to tell it: erase again later, until
        there is none. One whose OAuth client is not configured any more, whose token does not open, or whose row
        somebody altered, is erased all the same, and is in `untold`: at the provider it lives until its person ends it
        there.

        Backups of the database are not reached.
        """
        return self._end_of_owner.erase(owner, by=by)
