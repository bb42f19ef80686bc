"""`python -m chat.devservices.local_model [FILE.gguf]`: serve a model with llama.cpp, on this machine only."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

import xllamacpp

from chat.devservices.local_model.launch import GREETING, KEY_VARIABLE, model_file
from chat.devservices.program import ServiceError

HOST = "127.0.0.1"


def main() -> None:
    server = xllamacpp.Server(_parameters(_arguments()))  # returns when the model is loaded
    sys.stdout.write(f"{GREETING}{server.listening_address}/v1\n")
    sys.stdout.flush()
    signal.pause()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chat.devservices.local_model", description=__doc__)
    parser.add_argument("file", nargs="?", help="the model, as GGUF; by default the one that is installed")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free port")
    parser.add_argument("--name", default="local", help="the name that GET /v1/models reports")
    parser.add_argument("--context", type=int, default=4096, help="tokens per request, prompt and answer together")
    parser.add_argument("--slots", type=int, default=2, help="requests at the same time; others wait")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.2)
    parser.add_argument("--repeat-penalty", type=float, default=1.0, help="over 1: less repetition")
    parser.add_argument("--seed", type=int, help="unset: random")
    parser.add_argument("--template", type=Path, help="a chat template in place of the model's own")
    parser.add_argument("--show-slots", action="store_true", help="answer GET /slots, which tells what is running")
    arguments = parser.parse_args()
    try:
        arguments.file = arguments.file or str(model_file())
    except ServiceError as error:
        parser.error(str(error))
    return arguments


def _parameters(arguments: argparse.Namespace) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.model_alias = arguments.file, {arguments.name}
    parameters.hostnames, parameters.port, parameters.ui = [HOST], arguments.port, False
    if key := os.environ.get(KEY_VARIABLE):  # not on the command line, which other users can see
        parameters.api_keys = [key]
    # llama.cpp divides the context by the slots.
    parameters.n_ctx, parameters.n_parallel = arguments.context * arguments.slots, arguments.slots
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = arguments.threads
    parameters.use_jinja, parameters.endpoint_slots = True, arguments.show_slots
    if arguments.template:
        parameters.chat_template = arguments.template.read_text()
    sampling = parameters.sampling
    sampling.temp, sampling.penalty_repeat = arguments.temperature, arguments.repeat_penalty
    if arguments.seed is not None:
        sampling.seed = arguments.seed
    return parameters


if __name__ == "__main__":
    main()
