"""The demo: a retailer's year through the whole pipeline, on this machine, with its result in readable tables."""
