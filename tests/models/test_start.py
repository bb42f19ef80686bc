"""`chat dev --local-model` from its first line to a real model's words, on a machine with another model's settings."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from chat import development
from tests.support.cast import Person
from tests.support.ports import free_port
from tests.support.programs import Program
from tests.support.site import Site


def develop(root: str) -> None:
    sys.exit(development.run(root=Path(root), local_model=True))


async def test_a_newcomer_reads_a_real_model_s_words_without_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "my chat"
    folder.mkdir()
    (folder / ".env").write_text("OPENAI_API_KEY=sk-another\nLLM_MODEL=gpt-5-mini\nLLM_BACKGROUND=on\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PORT": str(free_port())}
    process = Program(develop, str(folder), environment=environment, folder=folder, output=tmp_path / "output")
    try:
        process.wait_until(lambda: "Ctrl-C" in process.output)
        assert "Loading the local model, SmolLM2 135M" in process.output
        assert "SmolLM2 135M, on this machine" in process.output
        site = Site(None, f"http://127.0.0.1:{environment['PORT']}")  # type: ignore[arg-type]
        async with Person.signed_up(site, "newcomer") as newcomer:
            page = await newcomer.http.get("/chat/")
            assert "A very small model (SmolLM2 135M) answers here" in page.text
            posted = await newcomer.ask("Say hello.")
            async with newcomer.tab(posted["thread_id"]) as tab:
                message = await tab.until_finished(posted["reply_id"])
        assert (message["status"], bool(message["content"].strip())) == ("final", True)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
