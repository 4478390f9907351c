"""Projects with their keys: many, as a fleet's have them."""

import asyncio

import aiohttp

from bench.databases import Database, add_project
from bench.gateway import Gateway
from bench.process import CommandFailed

_PROJECTS = 10
_KEYS = 100
_CALL_S = 30.0


async def create_tenants(gateway: Gateway, database: Database) -> list[str]:
    """Make the projects, and a hundred keys spread over them; gives the keys."""
    projects = [f"proj_bench_{number}" for number in range(_PROJECTS)]
    for project_id in projects:
        await add_project(database, project_id)
    async with aiohttp.ClientSession(
        gateway.url,
        headers={"authorization": f"Bearer {gateway.first_key}"},
        timeout=aiohttp.ClientTimeout(total=_CALL_S),
    ) as session:
        return await asyncio.gather(
            *(_create_key(session, projects[number % _PROJECTS]) for number in range(_KEYS))
        )


async def _create_key(session: aiohttp.ClientSession, project_id: str) -> str:
    path = f"/v1/organization/projects/{project_id}/api_keys"
    async with session.post(path, json={"name": "bench"}) as answer:
        if answer.status != 200:
            raise CommandFailed(f"POST {path} was answered {answer.status}: {await answer.text()}")
        return str((await answer.json())["value"])
