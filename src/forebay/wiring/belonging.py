"""Whether a database, a secret and a place of blobs belong together.

A server with another secret could not open what is sealed in the database, and one with other blobs
would not find those that its rows name; with several servers on one database that is easily done.
One with another database would be worse: it would sweep blobs away, because none of its own rows
names them. So the database keeps a mark of the secret, made at the first start, and the database
and the blobs keep the same mark of each other.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from forebay.core.errors import ForebayError
from forebay.settings import Settings
from forebay.store.blobs import Blobs
from forebay.store.house_marks import HouseMarks
from forebay.wiring.data_directory import BLOBS_FOLDER
from forebay.wiring.secrets import seal_secret


class AnotherHouse(ForebayError):
    """The database was used with another secret or other blobs, or the blobs by another one."""

    code = "another_house"


async def ensure_belonging(settings: Settings, marks: HouseMarks, blobs: Blobs) -> None:
    """Mark what belongs to a new database, or raise `AnotherHouse` when it is not this."""
    fingerprint = hmac.digest(seal_secret(settings), b"forebay house", hashlib.sha256).hex()
    if await marks.keep("secret", fingerprint) != fingerprint:
        raise AnotherHouse(
            "the database was used with another secret_key, and what that sealed could not be "
            "opened: give the servers of one database the same FOREBAY_SECRET_KEY or data directory"
        )
    if await marks.get("blobs") is None:
        await _mark_new(settings, marks, blobs)
    if await marks.get("blobs") != await blobs.mark():
        raise AnotherHouse(
            f"the database was used with another place of blobs than {_place(settings)}, where its "
            "files are not: give the servers of one database the same data directory or blobs_url"
        )


async def _mark_new(settings: Settings, marks: HouseMarks, blobs: Blobs) -> None:
    # The mark is chosen in the database, for all of its servers and for every try: whatever else
    # is found beside the blobs is another database's.
    chosen = await marks.keep("chosen_blobs", secrets.token_hex(16))
    await blobs.keep_mark(chosen)
    if await blobs.mark() != chosen:
        raise AnotherHouse(
            f"the blobs in {_place(settings)} belong to another database: choose another place, "
            "or, when that database is gone for good, delete what is named 'house' there; the "
            "blobs that only it named are deleted a day later"
        )
    await marks.keep("blobs", chosen)


def _place(settings: Settings) -> str:
    return settings.blobs_url or str(settings.folder / BLOBS_FOLDER)
