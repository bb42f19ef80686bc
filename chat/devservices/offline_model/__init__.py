"""The offline model: a small real server of the Responses API that answers by rules, and fails on demand.

`python -m chat.devservices.offline_model` runs it. Development, tests and benchmarks call it with the real client over
real HTTP. `app` is the ASGI application, `repertoire` has its answers, `calls` decides on tool calls, `script` parses
the faults, `run` writes one response, `prices` computes its cost. With `--plain` it is a minimal compatible server
(`dialects`).

Words in the last user message script a fault, like `[offline: status=429 retry_after=1]`; the same words can come as
the metadata key `offline_script`. Structured calls (`text.format`) follow `[offline-structured: …]` instead, so that
a title that is written from a message does not fail with its answer. An unknown word gets a 400.

| Word | What happens |
|---|---|
| `status=429` | that status with an error in OpenAI's shape; `code=…` sets its code, `retry_after=1` the header |
| `html=502` | that status with an HTML page |
| `times=2` | applies to 2 creates of one generation and 2 streams, resumes, retrieves of a run (else all, 1 stream) |
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
| `empty` | no output items at all, and `response.completed` |
| `reasoning=3` | a reasoning item comes first, its summary in 3 deltas, which count as reasoning tokens |
| `unknown=3` | 3 events of an unknown type come before the output |
| `cached=100` | number of input tokens reported as cached, at most all of them |
| `cache_write=100` | number of input tokens reported as written to the cache, at most those not cached |
| `nousage` | the response's usage is null; the bill counts it anyway |
| `notjson` | a structured call is answered with text that is not JSON |
| `invalid` | a structured call is answered with JSON that does not fit the schema: one wrong key |
| `tool=name` | calls that tool with `{}`, offered or not, once |
| `tools=a,b,c` | calls several tools in one response |
| `arguments=%7B%7D` | the arguments of the scripted calls, percent-encoded; they need not be JSON |
| `also` | after its calls the same response continues with text |
| `loop` | calls the first tool that is offered in every round |
| `repeat` | a resumed stream repeats the last 3 events |
| `skip` | a resumed stream leaves out its first delta |
| `expire` | the response cannot be retrieved: 404 |

| Control | Answer |
|---|---|
| `GET /control/creates?generation_id=X` | `{"creates": n}`: accepted ones whose metadata has the query's pairs |
| `GET /control/open` | `{"open": n}`: streams under way; `?until=0` waits up to 10 s until n is that |
| `GET /control/bill?generation_id=X` | `{"responses": {id: line, …}, "total_tokens": n, "total_cost": "0.0012"}` |
| `GET /control/requests` | `{"requests": [body, …]}`: the last 50 accepted creates, as they were sent |
| `POST /control/reset` | ends every run and resets all state |

A line of the bill has generation_id, model, status, cost, and input_tokens, cached_tokens, cache_write_tokens,
output_tokens, reasoning_tokens and total_tokens. Costs are exact, in USD, and null for a model without a price.

A generation is identified by `metadata.generation_id`, or else by its message; its structured calls are counted
separately. Deltas are counted whatever they carry: text, arguments or summaries. `error`, `failed`, `incomplete` and
`filter` leave a response the calls that it has. A token is four characters, rounded up, plus four tokens for each
item of the input.
"""
