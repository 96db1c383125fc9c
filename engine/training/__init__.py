"""Training: regimes, data sets, networks and the loop. This file imports nothing: only some modules need torch."""
