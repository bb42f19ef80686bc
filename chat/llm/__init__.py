"""Talking to a model: `client` calls it, `events` come out, `tools` is what it may do, `offline` stands in for it.

It knows no users, rows, Redis or pages, and it is the only package that imports the SDK.
"""
