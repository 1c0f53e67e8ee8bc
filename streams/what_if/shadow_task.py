"""A set of campaigns that decides beside the live one, over the same log, and writes to topics of its own only.

It begins as a copy of the live stage's state (``shadow_seed``), so that the two know the same of every customer, and
from then on differ by their campaigns alone. What a merge or a forwarded event brings from another partition is the
live stage's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from schemas.envelope import Envelope
from streams.campaigns import CampaignSet, records, version_of, withdrawn
from streams.decide.rules import RULES, RuleSet
from streams.decide.task import DecideTask
from streams.errors import CampaignError
from streams.intake.admit import Admission
from streams.intake.validate import Rejection
from streams.ordered import Position
from streams.progress import BEGINNING
from streams.task import Effects, Table

OUTPUTS = {"decisions": "shadow-decisions", "progress": "shadow-progress"}
"""Topic of the live stage -> the shadow's. What the live stage writes elsewhere, triggers and events for other
partitions of the log, is not written at all."""
PUBLISHED_BY = "shadow"


class ShadowTask(DecideTask):
    """One partition number of the shadow."""

    stage = "shadow"

    def __init__(
        self,
        partition: int,
        partitions: int,
        prefix: str,
        campaigns: CampaignSet,
        cache_bytes_max: int = 128 * 1_048_576,
        spill_dir: Path | None = None,
        hash_key: str = "",
    ) -> None:
        super().__init__(partition, partitions, prefix, cache_bytes_max, spill_dir, hash_key=hash_key)
        self._campaigns = campaigns
        self._since: int | None = None
        """From this time on it decides under campaigns of its own; it is in the position record."""

    def accept(self, event: Envelope, offset: int, again: bool) -> None:
        """See ``OrderedTask``. The campaigns of the log are the live ones."""
        if event.type not in RULES:
            super().accept(event, offset, again)
            self.hand_over = False

    def restore(self, table: Table, position: Position | None) -> None:
        """See ``OrderedTask``; then what differs between the rules in force and those given comes into force, now.

        A restart finds what it brought into force among the rules of its table, so that it does so once.
        """
        super().restore(table, position)
        self.hand_over = False
        decided_to = self._fold.through[0]
        if self._since is None:
            self._since = decided_to
        changed = False
        for event in changes(self._fold.rules.at(max(decided_to, 0)), self._campaigns, max(decided_to, 0)):
            changed = self._fold.rules.apply(event) or changed
            self._fold.kept_rules.append(event)
        if changed and decided_to > BEGINNING:
            self._fold.telling.rearming = (decided_to, "")
            self.advancing = True

    def extra(self) -> dict[str, Any]:
        """See ``OrderedTask``."""
        return {**super().extra(), "shadow_since": self._since}

    def step(self, budget: int) -> Effects:
        """See ``streams.task.Task``. Nothing leaves but to the shadow's topics."""
        effects = super().step(budget)
        effects.records = [
            record._replace(topic=OUTPUTS[record.topic]) for record in effects.records if record.topic in OUTPUTS
        ]
        return effects

    def _load_extra(self, extra: dict[str, Any]) -> None:
        super()._load_extra(extra)
        self._since = extra.get("shadow_since")


def changes(known: RuleSet, wanted: CampaignSet, now: int) -> Iterator[Envelope]:
    """What has to be published and withdrawn at ``now`` so that ``wanted`` is in force.

    Rules of a brand that ``wanted`` does not name stay: no campaign asks for them.
    """
    in_force = {campaign.id: campaign.version for campaign in known.campaigns.values()}
    brands = {name: brand.version for name, brand in known.brands.items()}
    new = CampaignSet(
        tuple(campaign for campaign in wanted.campaigns if in_force.get(campaign.id) != version_of(campaign)),
        tuple(rules for rules in wanted.brands if brands.get(rules.brand) != version_of(rules)),
    )
    ids = {campaign.id for campaign in wanted.campaigns}
    gone = [campaign.campaign for name, campaign in sorted(known.campaigns.items()) if name not in ids]
    admission = Admission()
    rows = [*records(new, now, PUBLISHED_BY), *(withdrawn(campaign, now, PUBLISHED_BY) for campaign in gone)]
    for _, record in rows:
        admitted = admission.admit("campaigns", msgspec.json.encode(record), now, now)
        if admitted is None or isinstance(admitted, Rejection):
            raise CampaignError(f"Campaign {record['campaign_id']} cannot be published ({admitted}); correct its file.")
        yield from (event for _, event in admitted)
