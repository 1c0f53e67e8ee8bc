"""The retailer simulator: a tool for users without data, and what completes a data set for the demo."""

from streams.simulate.output import Simulation
from streams.simulate.simulation import simulate_from_online_retail, simulate_retailer

__all__ = ["Simulation", "simulate_from_online_retail", "simulate_retailer"]
