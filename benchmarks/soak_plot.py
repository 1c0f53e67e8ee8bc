"""``python -m benchmarks.soak_plot SOAK.JSON PICTURE``: memory, lag and kills of a soak over time.

Runs in the bench environment, which has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def plot(soak: dict[str, Any], picture: Path) -> None:
    """Write the picture."""
    samples = soak["samples"]
    minutes = [sample["at_s"] / 60 for sample in samples]
    figure, (memory, lag) = pyplot.subplots(2, 1, sharex=True, figsize=(11, 7), layout="constrained")
    for name in samples[0]["rss_mib"]:
        memory.plot(minutes, [sample["rss_mib"].get(name) for sample in samples], label=name)
    memory.set_ylabel("resident memory, MiB")
    for stage in samples[0]["lag"]:
        lag.plot(minutes, [sample["lag"][stage] / soak["rate"] for sample in samples], label=stage)
    lag.set_ylabel("lag, seconds of input")
    lag.set_xlabel("minutes")
    for axes in (memory, lag):
        axes.set_ylim(0, axes.get_ylim()[1] * 1.2)  # room for the legend
        axes.grid(alpha=0.3)
        for at_s, _ in soak["kills"]:
            axes.axvline(at_s / 60, color="black", linestyle=":", linewidth=0.8)
        axes.legend(loc="upper right", ncols=3)
    for at_s, name in soak["kills"]:
        memory.annotate(f"kill {name}", (at_s / 60, 0), rotation=90, fontsize=7, va="bottom", ha="right")
    verdict = soak["verdict"]
    figure.suptitle(
        f"{soak['rate']:,.0f} lines/s, {soak['customers']:,} customers, {len(soak['kills'])} kills: of "
        f"{verdict['expected']:,} decisions {verdict['lost']} lost, {verdict['duplicated']} duplicated, "
        f"{verdict['wrong']} wrong"
    )
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    plot(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
