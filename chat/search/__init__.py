"""Full-text search of a user's own chats, with PostgreSQL's tsvector and none of its dictionaries.

Text becomes words here (`words.py`), for what is stored and for what is asked, so that both agree on every server.
"""
