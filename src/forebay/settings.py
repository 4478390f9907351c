"""Every setting, in one class, from three places: `forebay.toml`, then `FOREBAY_*`, then flags.

A later place wins. Unknown names and wrong types are refused with the place that they came from;
only the environment may hold other `FOREBAY_*` names, because container platforms put theirs there.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from forebay.core.errors import ForebayError

PREFIX = "FOREBAY_"
CONFIG_FILE = "forebay.toml"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

Count = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Name = Annotated[str, msgspec.Meta(min_length=1)]

BLOB_SCHEMES = ("s3", "gs", "az")
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsInvalid(ForebayError):
    """A setting is unknown or has a value that it cannot have."""

    code = "settings_invalid"


class PriceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Amounts of the currency per million tokens; `cached` defaults to `input`."""

    input: float | str = 0
    output: float | str = 0
    cached: float | str | None = None


class WindowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A completion window: `band` is interactive, deadline or bulk; `lanes` may use it."""

    seconds: float
    band: str
    price_factor: float | str = 1
    lanes: tuple[str, ...] = ("realtime", "background", "batch")


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model and its pool.

    `engines` are base URLs that end in `/v1`; `engine_model` is their name for the model;
    `engine_key` their key, or `env:NAME` for one in the environment. `windows` limits what is
    offered; `window_prices` names prices that are not a factor of `price`.
    """

    engines: list[str]
    engine_key: str | None = None
    engine_model: str | None = None
    aliases: list[str] = []
    windows: list[str] | None = None
    price: PriceSettings = PriceSettings()
    window_prices: dict[str, PriceSettings] = {}
    slots: Count | None = None
    kind: Literal["chat", "embedding"] | None = None
    tool_calling: Literal["native", "forced", "none"] = "native"
    has_grammar: bool = True
    takes_images: bool = True
    takes_suffix: bool = False
    takes_prefill: bool | None = None
    context_tokens: Count | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operator can set. Seconds, bytes and slots are as their names say."""

    # Where it listens, and where it keeps things.
    host: str = "127.0.0.1"
    port: Port = 8088
    public_url: str | None = None
    data_dir: str = "~/.forebay"
    database_url: str | None = None
    blobs_url: str | None = None
    models_dir: str | None = None
    # Engines: any OpenAI-compatible base URLs; with none, and no models, the embedded one runs.
    engines: list[str] = []
    engine_key: str | None = None
    engine_slots: Count = 256
    engine_stall_s: float = 300.0
    models: dict[str, ModelSettings] = {}
    # The embedded engine.
    model: Name | None = None
    embedded_slots: Count = 4
    embedded_context_tokens: Count = 4096
    embedded_threads: Count | None = None
    embedded_batch_threads: Count | None = None
    embedded_embeddings: bool = True
    # Secrets; better given by the environment than by a file.
    api_key: str | None = None
    secret_key: str | None = None
    # Windows and money.
    windows: dict[str, WindowSettings] = {}
    currency: str = "USD"
    # Limits and patience.
    max_body_bytes: Count = 32 * 1024 * 1024
    max_file_bytes: Count = 512 * 1024 * 1024
    max_upload_bytes: Count = 8 * 1024 * 1024 * 1024
    max_batch_file_bytes: Count = 200 * 1024 * 1024
    max_batch_requests: Count = 50_000
    max_message_batch_requests: Count = 100_000
    max_message_batch_bytes: Count = 256 * 1024 * 1024
    max_batch_errors: Count = 100
    body_timeout_s: float = 60.0
    reject_after_s: float = 30.0
    sync_timeout_s: float = 300.0
    background_expiry_s: float = 86_400.0
    unstored_keep_s: float = 600.0
    retention_s: float = 2_592_000.0
    events_keep_s: float = 86_400.0
    idempotency_keep_s: float = 86_400.0
    batch_expiry_s: float = 86_400.0
    lease_s: float = 30.0
    shutdown_grace_s: float = 10.0
    # Networks that webhooks may reach although they are not public, such as 127.0.0.0/8. Those for
    # images are named apart: what a webhook answers is not shown, but a model tells what it sees.
    webhook_networks: list[str] = []
    image_networks: list[str] = []
    # Anthropic's API of 2026-10-21 has no sampling parameters, but open models need them.
    strict_anthropic_sampling: bool = False
    log_level: str = "info"

    @property
    def folder(self) -> Path:
        """The data directory."""
        return Path(self.data_dir).expanduser()

    @property
    def models_folder(self) -> Path:
        """Where weights are kept."""
        return Path(self.models_dir).expanduser() if self.models_dir else self.folder / "models"

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that webhooks may reach; raises `SettingsInvalid`."""
        return _networks(self.webhook_networks, "webhook_networks")

    @property
    def image_addresses(self) -> tuple[Network, ...]:
        """The networks that images may be fetched from; raises `SettingsInvalid`."""
        return _networks(self.image_networks, "image_networks")

    def check(self) -> None:
        """Raise `SettingsInvalid` for what the types alone let through."""
        _ = self.networks, self.image_addresses, self.shown_level
        url = self.database_url
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            # What it is instead is not told: it may hold a password.
            raise SettingsInvalid("database_url: it must begin with postgresql://")
        if self.blobs_url is not None:
            _check_blobs_url(self.blobs_url)
        if self.public_url is not None:
            _check_public_url(self.public_url)

    @property
    def shown_level(self) -> str:
        """The lowest level that is logged; raises `SettingsInvalid`."""
        level = self.log_level.lower()
        if level not in LOG_LEVELS:
            raise SettingsInvalid(f"log_level: {level!r} is none of {', '.join(LOG_LEVELS)}")
        return level


def _check_blobs_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in BLOB_SCHEMES or not parts.netloc:
        raise SettingsInvalid(
            "blobs_url: it must be like s3://BUCKET/PREFIX, or with gs:// or az://"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsInvalid("blobs_url: keys and options belong in the environment, not here")


def _check_public_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not url.isascii() or not url.isprintable() or " " in url:
        raise SettingsInvalid("public_url: it must be like https://HOST, maybe with a path")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise SettingsInvalid("public_url: it has no user, no query and no fragment")
    if parts.path.rstrip("/").endswith("/v1"):
        raise SettingsInvalid("public_url: it ends before the /v1 of the paths")


def _networks(texts: list[str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise SettingsInvalid(f"{name}: {error}") from None


def load_settings(
    flags: Mapping[str, object], environ: Mapping[str, str], *, config: Path | None = None
) -> Settings:
    """Return the settings; flags that are None were not given. Raises `SettingsInvalid`.

    Without `config` (or `FOREBAY_CONFIG`), a `forebay.toml` in the working directory is read.
    """
    named = config or (Path(environ["FOREBAY_CONFIG"]) if "FOREBAY_CONFIG" in environ else None)
    values: dict[str, object] = {}
    values |= _checked(_from_file(named or Path(CONFIG_FILE), must_exist=named is not None), "file")
    values |= _checked(_from_environment(environ), "environment")
    values |= {name: value for name, value in flags.items() if value is not None}
    settings = _settings(values, "flags")
    settings = msgspec.structs.replace(
        settings,
        api_key=_bare(settings.api_key),
        secret_key=_bare(settings.secret_key),
        database_url=_bare(settings.database_url),
        blobs_url=_bare(settings.blobs_url),
        public_url=_bare(settings.public_url),
    )
    settings.check()
    return settings


def _bare(text: str | None) -> str | None:
    """Return a text without the line end that files and variables bring; an empty one is none."""
    return (text or "").strip() or None


def _from_file(path: Path, *, must_exist: bool) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if must_exist:
            raise SettingsInvalid(f"there is no file {path}") from None
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} cannot be read: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """Return what `FOREBAY_*` sets; lists are comma-separated, tables belong in the file."""
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        text = environ.get(PREFIX + field.name.upper())
        # Kubernetes gives every pod FOREBAY_PORT=tcp://... when a service is named forebay.
        if text is not None and not text.startswith("tcp://"):
            is_list = field.type == list[str]
            values[field.name] = _listed(text) if is_list else text
    return values


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _checked(values: dict[str, object], place: str) -> dict[str, object]:
    _settings(values, place)
    return values


def _settings(values: dict[str, object], place: str) -> Settings:
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(f"settings from the {place}: {error}") from None
