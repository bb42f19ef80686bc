"""How much is tested: `make faults` tests more than a run of all tests has time for."""

import os

FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))
SEEDS = int(os.environ.get("SEEDS", "20"))
KILLS = int(os.environ.get("KILLS", "10"))  # answers whose worker is killed, in each mode
LOCK_SECONDS = float(os.environ.get("LOCK_SECONDS", "15"))  # longer than a lease and than every limit on a statement
SOCKETS = int(os.environ.get("SOCKETS", "200"))  # tabs that reconnect at once
ANSWERS = int(os.environ.get("ANSWERS", "24"))  # at once, on four processes
