"""Who is held out, and who gets which variant: a salted hash of the customer id, so nothing has to be drawn or stored
beforehand. What a customer was exposed to is kept, and a merged profile keeps the survivor's.

The hash is 64-bit BLAKE2b of ``salt|customer``. A holdout takes those below its share, so that a larger one keeps them.
"""

from __future__ import annotations

from hashlib import blake2b

from schemas.campaigns import Arm, Experiment
from schemas.experiments import Holdout
from streams.decide.rules import Compiled
from streams.decide.state import CustomerState, Exposure

EXPOSURES_MAX = 200
"""Most experiments of which a customer's state remembers what he was exposed to; the oldest go first."""
HELD, TREATED = "held", "treated"


def draw(salt: str, customer: str, among: int) -> int:
    """A number below ``among``, the same for the same salt and customer; even over customers."""
    digest = blake2b(f"{salt}|{customer}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * among >> 64


def held_out(holdout: Holdout, salt: str, customer: str) -> bool:
    """Whether a customer is among the share that gets nothing. ``salt``: where the holdout names none."""
    return draw(holdout.salt or salt, customer, 10_000) < int(holdout.percent * 100)


def arm_of(experiment: Experiment, campaign: str, state: CustomerState) -> Arm:
    """The customer's arm: the one he was exposed to, as long as it exists, else by the hash over the weights."""
    arms, salt = experiment.arms, experiment.salt or campaign
    known = state.exposures.get(arm_name(experiment, campaign))
    if known is not None:
        for arm in arms:
            if arm.id == known.arm:
                return arm
    point = draw(salt, state.customer, sum(arm.weight for arm in arms))
    for arm in arms:
        point -= arm.weight
        if point < 0:
            return arm
    raise AssertionError("an experiment has an arm with a weight")


def arm_name(experiment: Experiment, campaign: str) -> str:
    """The experiment's name in ``exposures``: a new salt is a new experiment."""
    return f"arm {campaign} {experiment.salt or campaign}"


def global_name(holdout: Holdout, brand: str) -> str:
    """The global holdout's name in ``exposures``."""
    return f"brand {brand} {holdout.salt or brand}"


def holdout_name(holdout: Holdout, campaign: str) -> str:
    """A campaign holdout's name in ``exposures``."""
    return f"holdout {campaign} {holdout.salt or campaign}"


def expose(
    state: CustomerState, campaign: Compiled, global_holdout: Holdout | None, brand: str, ghost: str, arm: str | None
) -> bool:
    """Remember what a message that goes, or would have gone, exposes the customer to; whether profiles are mixed."""
    mixed, asked = False, campaign.campaign
    if global_holdout is not None:
        word = HELD if ghost == "global_holdout" else TREATED
        mixed |= _expose(state, global_name(global_holdout, brand), word)
    if asked.holdout is not None:
        word = HELD if held_out(asked.holdout, campaign.id, state.customer) else TREATED
        mixed |= _expose(state, holdout_name(asked.holdout, campaign.id), word)
    if asked.experiment is not None and arm is not None:
        mixed |= _expose(state, arm_name(asked.experiment, campaign.id), arm)
    return mixed


def _expose(state: CustomerState, name: str, arm: str) -> bool:
    known = state.exposures.get(name)
    if known is None:
        known = state.exposures[name] = Exposure(arm)
        if len(state.exposures) > EXPOSURES_MAX:
            del state.exposures[next(iter(state.exposures))]
    elif known.arm != arm:
        known.others = sorted({*known.others, known.arm} - {""})
        known.arm = arm
    return any(other != arm for other in known.others)


def absorb(mine: dict[str, Exposure], other: dict[str, Exposure]) -> None:
    """A merge: the survivor's arms stay, and the other's are noted beside them."""
    for name, theirs in other.items():
        known = mine.setdefault(name, Exposure(""))
        known.others = sorted({*known.others, *theirs.others, theirs.arm} - {""})
