"""Load on a whole site, measured beside a floor: `make bench`."""
