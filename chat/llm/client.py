from chat.llm.provider import ModelRequest, Provider

LLMClient = Provider
__all__ = ["LLMClient", "ModelRequest"]
