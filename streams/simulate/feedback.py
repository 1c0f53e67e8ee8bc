"""What channels reported of earlier newsletters: history without decision ids."""

from __future__ import annotations

from streams.simulate import rates
from streams.simulate.feed import Event, Feed
from streams.simulate.people import Person
from streams.simulate.rates import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from streams.simulate.world import World

SOURCE = "channel-feedback"


def write_feedback(world: World, feed: Feed, person: Person, profile: Event) -> None:
    """Newsletters to a customer who allowed them, from registration on; a dead address or a no ends them."""
    random, registered = person.random, person.registered_at
    assert registered is not None
    allowed = any(consent["channel"] == "email" and consent["status"] == "granted" for consent in profile["consents"])
    span = world.end - registered
    if not allowed or span <= DAY_MS:
        return
    number = min(30, int(random.expovariate(1 / (rates.NEWSLETTERS_PER_YEAR * span / (365 * DAY_MS)))))
    times = sorted(registered + random.randrange(HOUR_MS, span) for _ in range(number))
    for letter, at in enumerate(times, 1):
        if not _newsletter(feed, person, letter, at):
            return


def _newsletter(feed: Feed, person: Person, letter: int, at: int) -> bool:
    """The answers to one newsletter; False when it was the last."""
    random = person.random

    def report(status: str, when: int, **fields: object) -> None:
        event_id = f"feedback-{person.customer_id}-{letter}-{status}"
        base = {"market": person.market, "customer_id": person.customer_id, "channel": "email", "status": status}
        feed.add(SOURCE, event_id, "feedback", when, {**base, **fields})

    if random.random() < rates.BOUNCED:
        report("bounced", at, permanent=True, detail="mailbox does not exist")
        return False
    report("delivered", at)
    opened = at + random.randrange(MINUTE_MS, 2 * DAY_MS)
    if random.random() < rates.OPENED:
        report("opened", opened)
        if random.random() < rates.CLICKED / rates.OPENED:
            report("clicked", opened + random.randrange(5 * SECOND_MS, 10 * MINUTE_MS))
    dice = random.random()
    if dice < rates.COMPLAINED + rates.UNSUBSCRIBED:
        report("complained" if dice < rates.COMPLAINED else "unsubscribed", opened + MINUTE_MS)
        return False
    return True
