"""The check of one history: areas under the curve, and what the rules flag, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.rhythm.auc import Interval, Ranked, bootstrap, delong
from benchmarks.rhythm.bg_nbd import BgNbd
from benchmarks.rhythm.customers import CutOff, Known, with_days
from benchmarks.rhythm.scores import BG_NBD, FIXED, LATE, NAMES, RATE, RECENCY, RHYTHM, SUM, UNSHRUNK, fitted, scores
from schemas.lifecycle import RhythmOptions
from streams.docs.markdown import table

DIFFERENCES = (
    (RHYTHM, RECENCY),
    (RHYTHM, FIXED),
    (LATE, FIXED),
    (RHYTHM, BG_NBD),
    (RHYTHM, UNSHRUNK),
    (RATE, RHYTHM),
    (SUM, RHYTHM),
)
"""What is subtracted from what, cut-offs drawn together."""


@dataclass(frozen=True)
class Scored:
    """A cut-off with the scores of the customers whom the occasion looks at."""

    cut_off: CutOff
    model: BgNbd
    customers: list[Known]
    by_name: dict[str, list[float]]

    @property
    def gone(self) -> list[bool]:
        """Who did not come back."""
        return [customer.gone for customer in self.customers]

    def flagged(self, name: str, most: int | None = None) -> list[bool]:
        """Who has a score of 1 or more; or the ``most`` highest (of equal ones the first by name)."""
        values = self.by_name[name]
        if most is None:
            return [value >= 1 for value in values]
        first = set(sorted(range(len(values)), key=lambda i: (-values[i], self.customers[i].name))[:most])
        return [i in first for i in range(len(values))]


def scored(cut_off: CutOff, rhythm: RhythmOptions) -> Scored:
    """Score those with as many purchase days as the occasion needs."""
    model = fitted(cut_off)
    asked = with_days(cut_off.customers, max(2, rhythm.min_purchases))
    by_name = {name: [score(c) for c in asked] for name, score in scores(cut_off.now, rhythm, model).items()}
    return Scored(cut_off, model, asked, by_name)


def over_all(cut_offs: Sequence[Scored], draws: int) -> tuple[dict[str, Interval], dict[tuple[str, str], Interval]]:
    """Mean AUC over the cut-offs by score, and differences of them, with intervals from drawing customers."""
    ranked = {name: [_ranked(each, name) for each in cut_offs] for name in NAMES}

    def statistics(weight: Callable[[str], int]) -> list[float]:
        means = {name: sum(each.auc(weight) for each in ranked[name]) / len(cut_offs) for name in NAMES}
        return [*means.values(), *(means[a] - means[b] for a, b in DIFFERENCES)]

    found = bootstrap(statistics, [c.name for each in cut_offs for c in each.customers], draws)
    return dict(zip(NAMES, found, strict=False)), dict(zip(DIFFERENCES, found[len(NAMES) :], strict=True))


def page(cut_offs: Sequence[Scored], draws: int) -> str:
    """All tables of one history and horizon."""
    means, differences = over_all(cut_offs, draws)
    days = [each.cut_off.day.isoformat() for each in cut_offs]
    areas = [
        (name, *(str(delong(each.by_name[name], each.gone)) for each in cut_offs), str(means[name])) for name in NAMES
    ]
    compared = [(f"{a} - {b}", _signed(differences[a, b])) for a, b in DIFFERENCES]
    facts = [
        (
            day,
            str(len(each.customers)),
            _percent(sum(each.gone), len(each.gone)),
            f"{each.model.r:.2f}, {each.model.alpha:.0f}, {each.model.a:.2g}, {each.model.b:.2g}",
        )
        for day, each in zip(days, cut_offs, strict=True)
    ]
    return "\n\n".join(
        (
            table(("cut-off", "customers", "gone", "BG/NBD r, alpha, a, b"), facts),
            table(("AUC (95% interval)", *days, "mean of all"), areas),
            table(("difference of the means", "95% interval"), compared),
            _rules(cut_offs),
        )
    )


def _rules(cut_offs: Sequence[Scored]) -> str:
    """What each rule flags at all cut-offs together. The scores without a limit of their own flag as many customers of
    each cut-off as are late, so that they compare."""
    gone = [is_gone for each in cut_offs for is_gone in each.gone]
    flags = {name: [flag for each in cut_offs for flag in each.flagged(name)] for name in (LATE, UNSHRUNK, FIXED)}
    for name in (UNSHRUNK, RECENCY, BG_NBD, RATE, SUM):
        flags[f"as many by: {name}"] = [f for each in cut_offs for f in each.flagged(name, sum(each.flagged(LATE)))]
    rows = [(name, *_quality(flagged, gone)) for name, flagged in flags.items()]
    return table(("rule", "flagged", "of these gone", "of the gone found"), rows)


def _quality(flags: Sequence[bool], gone: Sequence[bool]) -> tuple[str, str, str]:
    right = sum(flag and is_gone for flag, is_gone in zip(flags, gone, strict=True))
    return str(sum(flags)), _percent(right, sum(flags)), _percent(right, sum(gone))


def _ranked(each: Scored, name: str) -> Ranked:
    return Ranked([c.name for c in each.customers], each.by_name[name], each.gone)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "none"


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
