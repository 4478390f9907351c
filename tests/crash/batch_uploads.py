"""What is uploaded to a server that dies: forms, whole or cut off half-way."""

from __future__ import annotations

import asyncio

from tests.crash.callers import Callers, Json

BOUNDARY = "boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


async def begun_upload(callers: Callers, content: bytes, *, name: str) -> str:
    """Begin an upload of this content, and return its id."""
    body: Json = {
        "filename": f"{name}.jsonl",
        "purpose": "batch",
        "bytes": len(content),
        "mime_type": "application/jsonl",
    }
    return str((await callers.post("/v1/uploads", body))["id"])


async def part_added(callers: Callers, upload_id: str, content: bytes) -> str:
    """Send a part of an upload and return the part's id."""
    url = f"{callers.server.address}/v1/uploads/{upload_id}/parts"
    headers = callers.server.headers | {"Content-Type": FORM}
    async with callers.http.post(url, data=part_form(content), headers=headers) as made:
        answer: Json = await made.json()
        assert made.status == 200, answer
    return str(answer["id"])


async def completed(callers: Callers, upload_id: str, parts: list[str]) -> tuple[int, Json]:
    """Complete an upload, once however often it is called; returns what is answered."""
    url = f"{callers.server.address}/v1/uploads/{upload_id}/complete"
    headers = callers.server.headers | {"Idempotency-Key": upload_id}
    async with callers.http.post(url, json={"part_ids": parts}, headers=headers) as made:
        answer: Json = await made.json()
        return made.status, answer


def part_form(content: bytes) -> bytes:
    """Return the body of a call that adds a part."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="data"; filename="data"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def file_form(content: bytes) -> bytes:
    """Return the body of a call that uploads a file for a batch."""
    purpose = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="half"\r\n\r\n'
    )
    return purpose.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


async def half_sent(
    callers: Callers, path: str, body: bytes, *, content_type: str = FORM
) -> asyncio.StreamWriter:
    """Send the first half of a call, and return the connection, which waits for the rest."""
    host, port = callers.server.address.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    headers = callers.server.headers | {
        "Host": host,
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body[: len(body) // 2])
    await writer.drain()
    return writer
