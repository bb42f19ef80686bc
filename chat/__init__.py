"""A self-hosted LLM chat on Quart.

The map: `app.py` wires everything, `web/` is all that knows HTTP and websockets, `services/` is what the product does,
`llm/` talks to a model, `models/` is what is stored, `broadcast/` is what is live, `events.py` is the wire contract.
A message travels `web/chat/inbox.py` → `services/replies/reply.py` → `llm/client.py` → `broadcast/` → every tab.
"""
