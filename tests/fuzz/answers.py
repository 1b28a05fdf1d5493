"""Target `answers`: whatever a CRM answers, a pass ends well or in one documented line, and writes nothing wrong.

Each case lies in up to three answers of a pass over a prepared company, on either CRM. Honest passes follow. Then the
CRM itself is looked at: nothing was written twice, nobody was mailed who must not be, no record was passed over.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.lies import OPS, WHOLE
from tests.fuzz.stage import HOUR, one_pass, staged, written_rightly
from tests.fuzz.target import Case, Target

_LIE = st.fixed_dictionaries(
    {
        "nth": st.integers(0, 34),
        "place": st.integers(0, 400),
        "op": st.one_of(st.sampled_from(OPS), st.sampled_from(OPS), st.sampled_from(OPS), st.sampled_from(WHOLE)),
        "always": st.sampled_from([False, False, True]),
    }
)
CASES = st.fixed_dictionaries(
    {
        "crm": st.sampled_from(["salesforce", "hubspot"]),
        "marker": st.booleans(),
        "lies": st.lists(_LIE, min_size=1, max_size=3),
    }
)


def check(case: Case) -> None:
    """Lie during one pass, then be honest for three."""
    with staged(case) as (firm, liar, leads):
        liar.begin(case["lies"])
        one_pass(firm)
        liar.begin([])
        for hours in (8, 30, 60):
            firm.at(hours * HOUR)
            last = one_pass(firm)
        assert last == "", "honest answers are read again"
        written_rightly(firm, leads, case["lies"])


TARGET = Target(
    "answers", "arbitrary JSON from the CRM, over HTTP, through whole passes", CASES, check, share=4, quick=5
)
