"""Evidence by protocol: what chapter 6 finds in the author's protocol, and in stricter ones.

A claim about transfer learning is judged by the author's scores or his protocol computed again, and by the
nested protocol of `protocols`. `Judgements` records evidence with its protocol and knows which claims
still lack one of the two, so that a page cannot leave out the less flattering one.
"""

from typing import Any

import pandas as pd

from mtlib.base.errors import InputError
from mtlib.evidence import claims
from mtlib.evidence.claims import Evidence

WORDS = {
    "scores": "published scores",
    "thesis": "author's protocol",
    "scaled": "scaled features",
    "nested": "nested protocol",
    "blocks": "batches left out",
}
"""Protocols as they open a rule; a row without one has an empty protocol."""

SIDES = {"thesis": ("scores", "thesis"), "nested": ("nested",)}
"""What counts as evidence in the author's protocol and in the nested one."""


def decidable() -> list[str]:
    """Return the claims of importance 1 and 2 that features, labels and scores can decide."""
    return [
        name
        for name, row in claims.table().items()
        if row["chapter"] == "6" and int(row["importance"]) <= 2 and row["needs"] == "published artifact"
    ]


class Judgements:
    """The evidence of one page, by claim and protocol.

    Parameters
    ----------
    **fields
        Of `claims.record`, the same for every row: profile, provenance.
    """

    def __init__(self, **fields: Any) -> None:
        self._fields = {"source": "published", "tier": "recorded"} | fields
        self.rows: list[tuple[str, str, Evidence]] = []

    def record(self, claim: str, protocol: str, *, rule: str, **fields: Any) -> None:
        """Show and store evidence (`claims.record`); its rule opens with the protocol."""
        if protocol and protocol not in WORDS:
            raise InputError(f"unknown protocol {protocol!r}; choose one of {', '.join(WORDS)}")
        fields = self._fields | {"protocol": protocol} | fields
        rule = f"{WORDS[protocol]}: {rule}" if protocol else rule
        evidence = claims.record(claim, rule=rule, **fields)
        self.rows.append((claim, protocol, evidence))

    def reproduced(self, claim: str, same: bool, *, rule: str, **fields: Any) -> None:
        """Show and store whether the author's files say what he prints."""
        verdict = {"rule_id": "exact", "verdict": "supported" if same else "contradicted"}
        protocol = fields.pop("protocol", "scores")
        self.record(claim, protocol, rule=rule, **(verdict | {"question": "reproduced"} | fields))

    def verdicts(self, claim: str, side: str) -> list[str]:
        """Return what was found of a claim on one of the `SIDES`, in the order recorded."""
        return [claims.wording(e) for name, protocol, e in self.rows if name == claim and protocol in SIDES[side]]

    def missing(self) -> list[str]:
        """Return what `decidable` claims lack, such as ``C6.10 nested``."""
        return [f"{name} {side}" for name in decidable() for side in SIDES if not self.verdicts(name, side)]

    def table(self) -> pd.DataFrame:
        """Return the decidable claims with their verdicts on both sides.

        Raises
        ------
        InputError
            If a claim lacks a row.
        """
        if lacking := self.missing():
            raise InputError(f"no evidence recorded for {', '.join(lacking)}")
        return pd.DataFrame(
            {"claim": f"{name} {claims.table()[name]['claim']}"}
            | {side: "; ".join(dict.fromkeys(self.verdicts(name, side))) for side in SIDES}
            for name in decidable()
        )
