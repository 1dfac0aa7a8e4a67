"""Operators: who may sign in, with what role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantkeeper.errors import InvalidInput
from grantkeeper.keeper.operators.people import ROLES, checked_role
from grantkeeper.keeper.operators.rules import role_from

if TYPE_CHECKING:
    from starlette.responses import Response

    from grantkeeper.web.dashboard.visit import Visit


async def listing(visit: Visit) -> Response:
    """Show operators, those who were shut out too."""
    return await _page(visit, {"email": "", "role": "viewer"})


async def invite(visit: Visit) -> Response:
    """Invite somebody and show the address, which is kept nowhere."""
    fields = {name: visit.fields.get(name, "") for name in ("email", "role")}
    try:
        operator, token = await visit.run(
            visit.verbs.operators.invite, fields["email"], checked_role(fields["role"]), visit.by
        )
    except InvalidInput as error:
        return await _page(visit, fields, status=422, wrong=f"{error.args[0]} {error.advice}".strip())
    url = f"{visit.desk.settings.url}/dashboard/sign-in/{token.reveal()}"
    return visit.page("invited.html", person=operator, url=url)


async def again(visit: Visit) -> Response:
    """Make another one-time address for somebody who is in already."""
    known = await visit.run(visit.verbs.operators.get, visit.part("operator"))
    if known.disabled_at is not None:
        raise InvalidInput("They were shut out.", advice="Invite their address once more.")
    operator, token = await visit.run(visit.verbs.operators.invite, known.email, None, visit.by)
    url = f"{visit.desk.settings.url}/dashboard/sign-in/{token.reveal()}"
    return visit.page("invited.html", person=operator, url=url)


async def set_role(visit: Visit) -> Response:
    """Give another role."""
    role = checked_role(visit.fields.get("role", ""))
    await visit.run(visit.verbs.operators.set_role, visit.part("operator"), role, by=visit.by)
    return visit.go("/operators", "role")


async def disable(visit: Visit) -> Response:
    """Shut somebody out."""
    await visit.run(visit.verbs.operators.disable, visit.part("operator"), by=visit.by)
    return visit.go("/operators", "disabled")


async def sign_out(visit: Visit) -> Response:
    """End all sessions of somebody."""
    await visit.run(visit.verbs.operators.sign_out_everywhere, visit.part("operator"), by=visit.by)
    return visit.go("/operators", "signed_out_everywhere")


async def sign_out_myself(visit: Visit) -> Response:
    """End all of one's own sessions, this one too."""
    await visit.run(visit.verbs.operators.sign_out_everywhere, visit.operator.id, by=visit.by)
    response = visit.go("/sign-in")
    visit.desk.drop_session(response)
    return response


async def _page(visit: Visit, fields: dict[str, str], *, status: int = 200, wrong: str = "") -> Response:
    found = await visit.run(visit.verbs.operators.all)
    people = sorted(found, key=lambda each: (each.disabled_at is not None, each.email))
    by_rule = {each.id for each in people if role_from(each) == "rule"}
    return visit.page(
        "operators.html", status=status, people=people, by_rule=by_rule, roles=ROLES, fields=fields, wrong=wrong
    )
