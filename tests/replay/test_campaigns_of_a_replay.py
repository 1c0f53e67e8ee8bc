"""The campaigns that a replay begins with are in the history of publications, as those of ``campaigns publish`` are."""

from __future__ import annotations

from pathlib import Path

from schemas.campaigns import CampaignRecord
from streams.campaign_store import as_set, name_of, version_before
from streams.campaigns import CampaignSet
from streams.settings import Settings
from tests.decide.memory_log import input_log
from tests.oracle.builders import brand, campaign

CAMPAIGNS = CampaignSet((campaign("birthday"), campaign("welcome")), (brand(),))


def test_they_are_in_the_history(tmp_path: Path) -> None:
    (tmp_path / "customers.jsonl").write_text("")
    log = input_log(Settings(topic_prefix="memory", partitions=2), CAMPAIGNS, tmp_path)
    found = [CampaignRecord.model_validate_json(value) for value in log.values("campaign-history")]
    assert sorted(map(name_of, found)) == ["acme", "birthday", "welcome"]
    assert as_set(found) == CAMPAIGNS
    keys = [record.key for record in log.records["campaign-history", 0]]
    assert len(set(keys)) == len(keys)
    later = found[0].model_copy(update={"version": "another"})
    assert version_before([found[0], later], name_of(later), None).version == found[0].version
