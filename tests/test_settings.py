import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from indexer.errors import SettingsError
from indexer.settings import (
    PREFIX,
    SERVE_PREFIX,
    ImageLimits,
    Settings,
    audit_key_set,
    load_settings,
)
from search_api.settings import ServeSettings, load_serve_settings


@pytest.fixture(autouse=True)
def no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("LOOKALIKE_"):
            monkeypatch.delenv(name)


def test_the_home_is_a_hidden_folder_of_the_user() -> None:
    assert load_settings().home == Path.home() / ".lookalike"


def test_variables_set_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_HOME", "/somewhere")
    monkeypatch.setenv("LOOKALIKE_BATCH_SIZE", "7")

    settings = load_settings()

    assert (settings.home, settings.batch_size) == (Path("/somewhere"), 7)


def test_an_option_wins_over_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_MODEL", "from-the-environment")

    assert load_settings(model="from-the-command").model == "from-the-command"
    assert load_settings(model=None).model == "from-the-environment"


def test_the_database_is_in_the_home_unless_set(tmp_path: Path) -> None:
    assert Settings(home=tmp_path).resolved_database_url == f"sqlite:///{tmp_path}/lookalike.db"
    elsewhere = Settings(home=tmp_path, database_url="postgresql://db/lookalike")
    assert elsewhere.resolved_database_url == "postgresql://db/lookalike"


def test_a_relative_home_names_the_same_database_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    url = Settings(home=Path("index")).resolved_database_url

    assert url == f"sqlite:///{tmp_path}/index/lookalike.db"


def test_an_unknown_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOOKALIKE_DATABSE_URL", "postgresql://db/lookalike")

    with pytest.raises(SettingsError, match="Did you mean LOOKALIKE_DATABASE_URL"):
        load_settings()


def test_an_unknown_variable_without_a_near_name_points_to_the_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOOKALIKE_QQQQQQQQQQQQ", "1")

    with pytest.raises(SettingsError, match=r"LOOKALIKE_QQQQQQQQQQQQ.*docs/settings\.md"):
        load_settings()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("NEAR_DUPLICATE_SIMILARITY", "NEAR_DUPLICATE_LOG_ODDS"),
        ("LOOKALIKE_SIMILARITY", "LOOKALIKE_LOG_ODDS"),
        ("LOOKALIKE_FUSED_SCORE", "LOOKALIKE_LOG_ODDS"),
        ("LOOKALIKE_INLIERS", "LOOKALIKE_LOG_ODDS"),
    ],
)
def test_a_bound_of_before_is_refused_with_the_one_that_replaces_it(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"LOOKALIKE_{old}", "0.9")

    with pytest.raises(
        SettingsError, match=rf"LOOKALIKE_{old} no longer exists.*LOOKALIKE_{new}.*thresholds\.md"
    ):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "many"),
        ("SNAPSHOT_EVERY", "-1"),
        ("MAX_IMAGE_BYTES", "0"),
        ("PDQ_MAX_DISTANCE", "257"),
        ("PDQ_MIN_QUALITY", "101"),
        ("LOOKALIKE_LOG_ODDS", "many"),
        ("LOOKALIKE_LOG_ODDS", "nan"),
        ("NEAR_DUPLICATE_LOG_ODDS", "inf"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"LOOKALIKE_{name}", value)

    with pytest.raises(SettingsError, match=f"LOOKALIKE_{name}={value!r}"):
        load_settings()


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_BATCH_SIZE", "0")
    monkeypatch.setenv("LOOKALIKE_PDQ_MAX_DISTANCE", "300")

    with pytest.raises(SettingsError, match=r"BATCH_SIZE.*PDQ_MAX_DISTANCE"):
        load_settings()


def test_the_server_s_variables_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_SERVE_PORT", "9000")
    monkeypatch.setenv("LOOKALIKE_BATCH_SIZE", "7")

    assert load_settings().batch_size == 7
    assert load_serve_settings().port == 9000
    assert load_serve_settings(port=9001).port == 9001


def test_an_unknown_variable_of_the_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_SERVE_PROT", "9000")

    with pytest.raises(SettingsError, match="Did you mean LOOKALIKE_SERVE_PORT"):
        load_serve_settings()


def test_a_port_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_SERVE_PORT", "70000")

    with pytest.raises(SettingsError, match="LOOKALIKE_SERVE_PORT='70000'"):
        load_serve_settings()


@pytest.mark.parametrize(("cls", "prefix"), [(Settings, PREFIX), (ServeSettings, SERVE_PREFIX)])
def test_no_variable_may_be_set_to_nothing(
    cls: type[Settings] | type[ServeSettings], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = load_settings if cls is Settings else load_serve_settings
    for name in (prefix + field.upper() for field in cls.model_fields):
        for blank in ("", " "):
            with monkeypatch.context() as patched:
                patched.setenv(name, blank)
                with pytest.raises(SettingsError, match=rf"{name}: set, but empty\. Unset"):
                    load()


def test_a_variable_in_lower_case_is_held_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("lookalike_home", "")

    with pytest.raises(SettingsError, match="lookalike_home: set, but empty"):
        load_settings()


def test_an_empty_key_does_not_leave_the_audit_log_unsealed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever opens the store without settings of the environment is told, too."""
    monkeypatch.setenv("LOOKALIKE_AUDIT_KEY", "")

    with pytest.raises(SettingsError, match="LOOKALIKE_AUDIT_KEY"):
        audit_key_set()


def test_settings_do_not_change_once_read() -> None:
    settings = Settings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.batch_size = 1  # type: ignore[misc]


def test_the_image_limits_are_those_of_the_settings() -> None:
    settings = Settings(max_image_bytes=1, max_image_pixels=2, max_image_frames=3)

    assert settings.image_limits == ImageLimits(max_bytes=1, max_pixels=2, max_frames=3)


@pytest.mark.parametrize("cls", [Settings, ServeSettings], ids=lambda cls: cls.__name__)
def test_every_setting_says_what_it_means(cls: type[Settings] | type[ServeSettings]) -> None:
    assert [name for name, field in cls.model_fields.items() if not field.description] == []
