"""The start of the local model where it cannot start, and the settings that go with it. tests/models/ runs it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from chat.devservices import ServiceError
from chat.devservices.local_model import launch
from chat.devservices.local_model.launch import LocalModel, local_model_server, without_other_models
from chat.settings import Settings
from tests.support import patches


@pytest.fixture
def broken_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package whose model is not one; whether the engine is installed makes no difference."""
    package = tmp_path / "broken_model"
    package.mkdir()
    (package / "broken.gguf").write_bytes(b"GGUF but not really")
    monkeypatch.syspath_prepend(tmp_path)
    patches.ENGINE_PACKAGE.replace(monkeypatch, "json")
    patches.MODEL_PACKAGE.replace(monkeypatch, "broken_model")


@pytest.mark.parametrize("package", [patches.ENGINE_PACKAGE, patches.MODEL_PACKAGE])
def test_a_missing_package_is_answered_with_the_command_that_installs_it(
    package: patches.Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_model: None
) -> None:
    package.replace(monkeypatch, "no_such_package")
    with (
        pytest.raises(ServiceError, match="not installed: start with `make run-local`"),
        local_model_server(log=tmp_path / "log"),
    ):
        pass


def test_a_model_that_does_not_load_is_explained_with_the_log(tmp_path: Path, broken_model: None) -> None:
    with pytest.raises(ServiceError) as raised, local_model_server(log=tmp_path / "log"):
        pass
    assert "The local model did not start" in str(raised.value)
    assert "500 MB of free memory" in str(raised.value)


def test_the_command_serves_the_installed_model_unless_a_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_model: None
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", MagicMock())
    command = importlib.import_module("chat.devservices.local_model.__main__")
    served = []
    for words in ([], ["other.gguf"]):
        monkeypatch.setattr(sys, "argv", ["local_model", *words])
        served.append(command._arguments().file)

    assert served == [str(tmp_path / "broken_model" / "broken.gguf"), "other.gguf"]


def test_the_command_without_an_installed_model_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken_model: None
) -> None:
    patches.MODEL_PACKAGE.replace(monkeypatch, "no_such_package")
    monkeypatch.setitem(sys.modules, "xllamacpp", MagicMock())
    monkeypatch.setattr(sys, "argv", ["local_model"])
    with pytest.raises(SystemExit):
        importlib.import_module("chat.devservices.local_model.__main__")._arguments()
    assert "make run-local" in capsys.readouterr().err


def test_the_notice_is_plain_text() -> None:
    assert "`" not in launch.NOTICE


def test_the_settings_of_another_model_give_way() -> None:
    environment = {"PORT": "8001", "OPENAI_API_KEY": "sk-real", "LLM_MODEL": "gpt-5", "LLM_BACKGROUND": "on"}
    variables = LocalModel("http://127.0.0.1:9/v1", "key").variables()
    settings = Settings.from_environment({"DEBUG": "True", **without_other_models(environment), **variables})
    assert (settings.port, settings.openai_api_key, settings.llm_background) == (8001, "key", False)
    assert settings.models == (launch.NAME,)
    assert settings.chat_history_tokens + settings.llm_max_output_tokens < launch.CONTEXT_TOKENS
