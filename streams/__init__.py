"""Cuepoint's stages: intake, identity, decide; their runtime on Faust; replay, backtest and the command line."""
