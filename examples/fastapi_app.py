"""grantkeeper in FastAPI: its pages under /grants, for whoever is signed in. Run: uvicorn fastapi_app:app."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from starlette.middleware.sessions import SessionMiddleware

from grantkeeper import AsyncKeeper, GrantStatus, Keeper
from grantkeeper.web import grantkeeper_app

keeper = AsyncKeeper(Keeper.from_env())  # one per process


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Close the keeper when the process ends."""
    async with keeper:
        yield


def customer(request: Request) -> str | None:
    """Say whose browser this is: your sign-in puts your own id of the customer into the session."""
    signed_in: str | None = request.session.get("customer")
    return signed_in


app = FastAPI(lifespan=lifespan)
app.add_middleware(SessionMiddleware, secret_key=os.environ["SESSION_SECRET"], https_only=True, same_site="lax")
app.mount("/grants", grantkeeper_app(keeper, owner=customer, business_name="Fjord Media", done_url="/"))


@app.get("/")
async def home(request: Request) -> dict[str, str]:
    """Say what the customer has connected, and as whom."""
    owner = customer(request)
    if owner is None:
        raise HTTPException(401)
    grants = await keeper.grants(owner, status=GrantStatus.ACTIVE)
    return {grant.client: grant.email for grant in grants}
