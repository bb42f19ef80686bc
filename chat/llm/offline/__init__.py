"""The offline model: a small real server of the Responses API that answers by rules, and fails on demand.

`python -m chat.llm.offline` runs it. Development, tests and benchmarks call it with the real client, over real HTTP.
`app` is the ASGI application, `repertoire` what it says, `script` the faults, `run` one response while it is written.

Words in the last user message script a fault, like `[offline: status=429 retry_after=1]`; the same words can come as
the metadata key `offline_script`. Structured calls (`text.format`) heed `[offline-structured: …]` instead, so that
a title that is made from a message does not fail with its answer. An unknown word is answered with 400.

| Word | What happens |
|---|---|
| `status=429` | that status with an error in OpenAI's shape; `code=…` sets its code, `retry_after=1` the header |
| `html=502` | that status with an HTML page |
| `times=2` | it strikes 2 creates of one `metadata.generation_id`, 2 streams of one run; else all creates, 1 stream |
| `delay=3` | 3 s before the headers |
| `delay_first=3` | 3 s before the first delta |
| `pace=0` | milliseconds for each delta |
| `cut=5` | the connection is dropped after 5 deltas; `cut=0`: before the first event |
| `eof=5` | the stream ends after 5 deltas, cleanly, with no terminal event |
| `silence=5` | nothing more after 5 deltas, and the connection stays open |
| `pause=5:2` | nothing for 2 s after 5 deltas, then on |
| `badjson=5` | after 5 deltas a line that is not JSON, then on |
| `midutf8=5` | the connection is dropped in the middle of a character after 5 deltas |
| `error=5` | an `error` event after 5 deltas, and the end; `code=…` sets its code |
| `failed` | `response.failed` after half of the text; `code=…` sets its code |
| `incomplete` | `response.incomplete` after half of the text, for max_output_tokens |
| `filter` | the same, for content_filter |
| `surrogates` | an emoji whose halves are in two deltas, and a half without its other half |
| `nul` | a NUL character in the text |
| `refusal` | the text comes as a refusal |
| `tool=name` | calls that tool with `{}`, offered or not, once |
| `loop` | calls the first tool that is offered in every round |
| `repeat` | a resumed stream repeats the last 3 events |
| `skip` | a resumed stream leaves out its first delta |
| `expire` | the response cannot be retrieved: 404 |

| Control | Answer |
|---|---|
| `GET /control/creates?generation_id=X` | `{"creates": n}`: accepted ones whose metadata has the query's pairs |
| `GET /control/open` | `{"open": n}`: streams under way; `?until=0` waits up to 10 s until n is that |
| `GET /control/bill` | `{"responses": {id: {generation_id, status, input_tokens, …}}, "total_tokens": n}` |
| `GET /control/requests` | `{"requests": [body, …]}`: the last 50 accepted creates, as they were sent |
| `POST /control/reset` | ends every run and forgets everything |

Tokens are counted as one for each four characters, rounded up, and four for each item of the input.
"""
