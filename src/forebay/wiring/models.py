"""From settings to windows, prices and models."""

from __future__ import annotations

from fractions import Fraction

from forebay.core.clock import Instant
from forebay.core.lanes import Lane
from forebay.core.models import Model, ModelKind, ToolCalling
from forebay.core.money import Price, PriceList, per_million
from forebay.core.windows import DEFAULT_WINDOWS, Band, CompletionWindow
from forebay.engines.known_models import DEFAULT_MODEL, MINILM
from forebay.settings import ModelSettings, PriceSettings, Settings, SettingsInvalid, WindowSettings

# A price for the model that a fresh installation runs, so that its bills show something.
EMBEDDED_PRICE = PriceSettings(input="0.05", cached="0.01", output="0.10")
EMBEDDED_ALIASES = {DEFAULT_MODEL: ("smollm2",)}
EMBEDDING_PRICE = PriceSettings(input="0.01")
EMBEDDING_ALIASES = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")


def windows_of(settings: Settings) -> tuple[CompletionWindow, ...]:
    """Return the default windows and the configured ones; one of the same name replaces it."""
    windows = {window.name: window for window in DEFAULT_WINDOWS}
    for name, window in settings.windows.items():
        windows[name] = _window(name, window)
    return tuple(windows.values())


def configured_model(
    name: str,
    model: ModelSettings,
    windows: tuple[CompletionWindow, ...],
    settings: Settings,
    now: Instant,
) -> Model:
    """Return a model of the settings' table `models`."""
    return Model(
        name=name,
        aliases=tuple(model.aliases),
        windows=_offered(name, model, windows),
        prices=PriceList(
            asap=_price(model.price, name),
            by_window={key: _price(value, name) for key, value in model.window_prices.items()},
        ),
        currency=settings.currency,
        created_at=now,
        kind=None if model.kind is None else ModelKind(model.kind),
        tool_calling=ToolCalling(model.tool_calling),
        has_grammar=model.has_grammar,
        takes_images=model.takes_images,
        takes_suffix=model.takes_suffix,
        takes_prefill=model.takes_prefill,
        context_tokens=model.context_tokens,
    )


def found_model(
    name: str, windows: tuple[CompletionWindow, ...], settings: Settings, now: Instant
) -> Model:
    """Return a model that an engine told of: every window, and no price."""
    return Model(
        name=name,
        aliases=(),
        windows=windows,
        prices=PriceList(),
        currency=settings.currency,
        created_at=now,
    )


def embedded_model(
    name: str, windows: tuple[CompletionWindow, ...], settings: Settings, now: Instant
) -> Model:
    """Return the model that the embedded engine runs."""
    return Model(
        name=name,
        aliases=EMBEDDED_ALIASES.get(name, ()),
        windows=windows,
        prices=PriceList(asap=_price(EMBEDDED_PRICE, name)),
        currency=settings.currency,
        created_at=now,
        kind=ModelKind.CHAT,
        # Its own way drops tools where the template has none, and lets `required` end without one.
        tool_calling=ToolCalling.FORCED,
        takes_images=False,  # no projector is loaded
        context_tokens=settings.embedded_context_tokens,
    )


def embedded_embedding_model(
    windows: tuple[CompletionWindow, ...], settings: Settings, now: Instant
) -> Model:
    """Return the model that makes embeddings beside the embedded engine's own."""
    return Model(
        name=MINILM.name,
        aliases=EMBEDDING_ALIASES,
        windows=windows,
        prices=PriceList(asap=_price(EMBEDDING_PRICE, MINILM.name)),
        currency=settings.currency,
        created_at=now,
        kind=ModelKind.EMBEDDING,
        tool_calling=ToolCalling.NONE,
        has_grammar=False,
        takes_images=False,
        context_tokens=MINILM.context_tokens,
    )


def _window(name: str, window: WindowSettings) -> CompletionWindow:
    try:
        return CompletionWindow(
            name=name,
            seconds=window.seconds,
            band=Band(window.band),
            price_factor=Fraction(str(window.price_factor)),
            lanes=frozenset(Lane(lane) for lane in window.lanes),
        )
    except ValueError as error:
        raise SettingsInvalid(f"windows.{name}: {error}") from None


def _offered(
    name: str, model: ModelSettings, windows: tuple[CompletionWindow, ...]
) -> tuple[CompletionWindow, ...]:
    if model.windows is None:
        return windows
    known = {window.name: window for window in windows}
    for window in (*model.windows, *model.window_prices):
        if window not in known:
            raise SettingsInvalid(f"models.{name}: there is no window {window!r}")
    return tuple(known[window] for window in model.windows)


def _price(price: PriceSettings | None, name: str) -> Price:
    if price is None:
        return Price()
    try:
        return Price(
            input=per_million(price.input),
            cached=per_million(price.input if price.cached is None else price.cached),
            output=per_million(price.output),
        )
    except ValueError as error:
        raise SettingsInvalid(f"models.{name}.price: {error}") from None
