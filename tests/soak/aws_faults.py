"""Which calls fail, how, and on how many of their tries: decided by chance, from a seed and the call's own id."""

import random
from dataclasses import dataclass
from enum import StrEnum

from soak.aws_calls import Call


class Fault(StrEnum):
    """What befalls one try of a call."""

    THROTTLED = "throttled"  # refused before it is carried out: too many
    FAILED = "failed"  # refused before it is carried out: the service's own failure
    LOST_ANSWER = "lost_answer"  # carried out, and the connection is cut without an answer
    LATE_ANSWER = "late_answer"  # carried out, and the answer does not come before the client has given up


WEIGHTS = {Fault.THROTTLED: 30, Fault.FAILED: 20, Fault.LOST_ANSWER: 45, Fault.LATE_ANSWER: 5}


@dataclass(frozen=True, slots=True)
class Chances:
    """`rate`: the share of the calls that is struck. Of these `whole_share` fail on every try, so that the caller sees
    them fail; the others on their first try alone, which the SDK makes up for. Each failing try draws its own fault."""

    seed: int
    rate: float
    whole_share: float

    def fault(self, call: Call) -> Fault | None:
        """What befalls this try; None: nothing. The same for the same seed, call and try."""
        chance = random.Random(f"{self.seed}:{call.call_id}" if call.call_id else None)
        if chance.random() >= self.rate:
            return None
        fails_whole = chance.random() < self.whole_share
        if call.attempt > 1 and not fails_whole:
            return None
        return chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=call.attempt)[-1]
