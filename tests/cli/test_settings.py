"""Settings: which place wins, what is refused, and what a file may hold."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from forebay.settings import Settings, SettingsInvalid, load_settings

EXAMPLE = """\
port = 9000
webhook_networks = ["10.0.0.0/8"]

[models."deepseek-ai/DeepSeek-V4-Flash"]
engines = ["http://10.0.0.5:8000/v1", "http://10.0.0.6:8000/v1"]
engine_key = "env:DEEPSEEK_KEY"
aliases = ["flash"]
windows = ["asap", "standard"]
price = { input = 0.09, cached = 0.03, output = 0.19 }

[models."deepseek-ai/DeepSeek-V4-Flash".window_prices]
standard = { input = 0.05, cached = 0.015, output = 0.10 }

[windows.flex]
seconds = 600
band = "deadline"
price_factor = 0.6
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file."""
    path = tmp_path / "forebay.toml"
    path.write_text(EXAMPLE)
    return path


def written(folder: Path, text: str) -> Path:
    path = folder / "forebay.toml"
    path.write_text(text)
    return path


def test_without_any_place_the_defaults_hold(tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        assert load_settings({}, {}) == Settings()


def test_a_file_in_the_working_directory_is_read(config: Path) -> None:
    with contextlib.chdir(config.parent):
        assert load_settings({}, {}).port == 9000


def test_the_environment_can_name_the_file(config: Path) -> None:
    assert load_settings({}, {"FOREBAY_CONFIG": str(config)}).port == 9000


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"there is no file .*absent\.toml"):
        load_settings({}, {}, config=tmp_path / "absent.toml")


def test_the_environment_wins_over_the_file(config: Path) -> None:
    assert load_settings({}, {"FOREBAY_PORT": "9001"}, config=config).port == 9001


def test_a_flag_wins_over_the_environment(config: Path) -> None:
    assert load_settings({"port": 9002}, {"FOREBAY_PORT": "9001"}, config=config).port == 9002


def test_a_flag_that_was_not_given_changes_nothing(config: Path) -> None:
    assert load_settings({"port": None}, {"FOREBAY_PORT": "9001"}, config=config).port == 9001


def test_an_unknown_name_in_the_file_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"settings from the file: .*`prot`"):
        load_settings({}, {}, config=written(tmp_path, "prot = 9000"))


def test_an_unknown_name_inside_a_model_is_refused(tmp_path: Path) -> None:
    text = '[models.m]\nengines = ["http://e/v1"]\nprices = { input = 1 }'

    with pytest.raises(SettingsInvalid, match="`prices`"):
        load_settings({}, {}, config=written(tmp_path, text))


def test_names_that_a_container_platform_puts_into_the_environment_are_left_alone(
    tmp_path: Path,
) -> None:
    environ = {"FOREBAY_SERVICE_HOST": "10.1.2.3"}

    assert load_settings({}, environ, config=written(tmp_path, "")) == Settings()


def test_a_wrong_type_is_refused_with_its_place_and_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"settings from the environment: .*\$\.port"):
        load_settings({}, {"FOREBAY_PORT": "many"}, config=written(tmp_path, ""))


def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"forebay\.toml cannot be read"):
        load_settings({}, {}, config=written(tmp_path, "port 9000"))


def test_a_list_in_the_environment_is_separated_by_commas(tmp_path: Path) -> None:
    environ = {"FOREBAY_ENGINES": "http://a:8000/v1, http://b:8000/v1,"}

    settings = load_settings({}, environ, config=written(tmp_path, ""))

    assert settings.engines == ["http://a:8000/v1", "http://b:8000/v1"]


def test_an_empty_list_in_the_environment_replaces_the_files(config: Path) -> None:
    settings = load_settings({}, {"FOREBAY_WEBHOOK_NETWORKS": ""}, config=config)

    assert settings.webhook_networks == []


def test_a_number_in_the_environment_is_read_as_one(tmp_path: Path) -> None:
    settings = load_settings({}, {"FOREBAY_LEASE_S": "12.5"}, config=written(tmp_path, ""))

    assert settings.lease_s == 12.5


def test_a_models_name_may_hold_slashes(config: Path) -> None:
    model = load_settings({}, {}, config=config).models["deepseek-ai/DeepSeek-V4-Flash"]

    assert model.engines == ["http://10.0.0.5:8000/v1", "http://10.0.0.6:8000/v1"]
    assert model.aliases == ["flash"]
    assert model.window_prices["standard"].input == 0.05


def test_a_window_of_ones_own_is_read(config: Path) -> None:
    assert load_settings({}, {}, config=config).windows["flex"].seconds == 600


def test_a_network_that_is_none_is_refused_by_its_settings_name(tmp_path: Path) -> None:
    environ = {"FOREBAY_WEBHOOK_NETWORKS": "everywhere"}

    with pytest.raises(SettingsInvalid, match="webhook_networks"):
        _ = load_settings({}, environ, config=written(tmp_path, "")).networks


def test_weights_are_kept_with_the_data_unless_another_folder_is_named() -> None:
    assert Settings(data_dir="/data").models_folder == Path("/data/models")
    assert Settings(data_dir="/data", models_dir="/models").models_folder == Path("/models")


def test_what_kubernetes_puts_into_the_environment_is_no_port() -> None:
    assert load_settings({}, {"FOREBAY_PORT": "tcp://10.0.0.7:8088"}).port == Settings().port


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOREBAY_PORT", "99999"),
        ("FOREBAY_LOG_LEVEL", "chatty"),
        ("FOREBAY_EMBEDDED_SLOTS", "0"),
        ("FOREBAY_MODEL", ""),
        ("FOREBAY_WEBHOOK_NETWORKS", "127.0.0.1/40"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_its_name(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingsInvalid, match=name.removeprefix("FOREBAY_").lower()):
        load_settings({}, {name: value}, config=written(tmp_path, ""))


def test_a_network_may_be_named_by_any_address_in_it(tmp_path: Path) -> None:
    environ = {"FOREBAY_WEBHOOK_NETWORKS": "127.0.0.1/8"}

    (network,) = load_settings({}, environ, config=written(tmp_path, "")).networks

    assert str(network) == "127.0.0.0/8"


def test_a_level_may_be_written_in_capitals(tmp_path: Path) -> None:
    environ = {"FOREBAY_LOG_LEVEL": "INFO"}

    assert load_settings({}, environ, config=written(tmp_path, "")).shown_level == "info"


@pytest.mark.parametrize("name", ["api_key", "secret_key"])
@pytest.mark.parametrize(("text", "secret"), [("", None), (" \n", None), ("fb-key\n", "fb-key")])
def test_a_secret_is_read_without_its_line_end_and_an_empty_one_is_none(
    tmp_path: Path, name: str, text: str, secret: str | None
) -> None:
    environ = {f"FOREBAY_{name.upper()}": text}

    settings = load_settings({}, environ, config=written(tmp_path, ""))

    assert getattr(settings, name) == secret


@pytest.mark.parametrize(
    "url",
    [
        "api.example",
        "ftp://api.example",
        "https://",
        "https://:443",
        "https://api.example:nine",
        "https://api.example:0",
        "https://api.example/?a=b",
        "https://api.example/#a",
        "https://me:secret@api.example",
        "https://api example",
        "https://[api",
        "https://api.example/v1/",
    ],
)
def test_a_public_url_must_be_one(tmp_path: Path, url: str) -> None:
    with contextlib.chdir(tmp_path), pytest.raises(SettingsInvalid, match="public_url: it"):
        load_settings({}, {"FOREBAY_PUBLIC_URL": url})


@pytest.mark.parametrize(
    ("text", "url"), [("", None), ("http://[::1]:80", "http://[::1]:80"), (" https://a/b\n",) * 2]
)
def test_a_public_url_may_have_a_port_and_a_path(
    tmp_path: Path, text: str, url: str | None
) -> None:
    with contextlib.chdir(tmp_path):
        found = load_settings({}, {"FOREBAY_PUBLIC_URL": text}).public_url
    assert found == (url and url.strip())
