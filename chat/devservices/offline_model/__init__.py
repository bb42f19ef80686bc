"""The offline model: a small real server of the Responses API that answers by rules, and fails on demand.

docs/offline-model.md has its options, the words of its scripts, and its controls. `app` is the ASGI application,
`repertoire` has its answers, `calls` decides on tool calls, `script` parses the faults, `refusing` and `reasoning` say
no in the words of `problems`, `run` and `items` write one response, `prices` computes its cost.
"""
