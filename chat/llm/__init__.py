"""The model client: `client` calls a model, `events` says what comes back, `tools` holds the functions it may call.

It knows no users, rows, Redis or pages, imports nothing of `chat` but `text`, and is the only package that imports the
SDK.
"""
