"""The local model: llama.cpp with a small open model, both from wheels, for `chat dev --local-model` and tests/models/.

`__main__` is the server, a process of its own. `launch` runs it as a child, and has the settings that fit the model.
"""
