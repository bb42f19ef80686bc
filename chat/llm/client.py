from chat.llm.provider import ModelRequest as ModelRequest
