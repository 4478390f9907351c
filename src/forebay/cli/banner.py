"""What `forebay serve` says when it is ready: where, with which key, and how to begin."""

from __future__ import annotations

from rich.console import Console

from forebay.settings import Settings
from forebay.wiring.secrets import KEY_FILE
from forebay.wiring.service import Service

EXAMPLES = """\
# curl
curl {base}/v1/chat/completions -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'

# openai
from openai import OpenAI
client = OpenAI(base_url="{base}/v1", api_key="{python_key}")
print(client.responses.create(model="{model}", input="Hello!").output_text)

# anthropic
from anthropic import Anthropic
client = Anthropic(base_url="{base}", api_key="{python_key}")
message = client.messages.create(model="{model}", max_tokens=64,
                                 messages=[{{"role": "user", "content": "Hello!"}}])
print(message.content[0].text)
"""

OTHER_ENGINES = """\
# another engine: vLLM, SGLang, llama.cpp or any OpenAI-compatible URL; repeat it for replicas
forebay serve --engine http://HOST:PORT/v1
"""


def show_banner(console: Console, service: Service, settings: Settings, *, address: str) -> None:
    """Print the banner. A key is shown only by the start that made it."""
    served = service.catalogue.all()
    key = service.first_key
    is_shown = key is not None and key.is_new and settings.api_key is None
    key_file = settings.folder / KEY_FILE
    console.print(f"\nForebay is ready at [bold]{address}[/bold]", highlight=False)
    if key is not None and is_shown:
        console.print(f"API key (shown once): [bold]{key.secret}[/bold]", highlight=False)
    elif settings.api_key is not None:
        console.print("API key: the one in FOREBAY_API_KEY", highlight=False)
    else:
        console.print(f"API key: made earlier; a copy is in {key_file}", highlight=False)
    console.print(f"API: {address}/docs", highlight=False)
    console.print(f"Data: {settings.folder}", highlight=False)
    for item in served:
        state = "" if item.pool.is_up else "  (no engine is up yet)"
        console.print(f"Model: {item.model.name}{state}", highlight=False)
    if not served:
        console.print("No model yet: the engines have not answered; they are asked again.")
    shell_key = key.secret if key is not None and is_shown else f"$(cat {key_file})"
    console.print()
    console.print(
        EXAMPLES.format(
            base=address,
            key=shell_key,
            python_key=key.secret if key is not None and is_shown else "YOUR_KEY",
            model=served[0].model.name if served else "MODEL",
        ),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    console.print(OTHER_ENGINES, markup=False, highlight=False, soft_wrap=True)
