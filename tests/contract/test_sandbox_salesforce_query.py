"""What the sandbox org answers to queries, asked by the real client."""

# ruff: noqa: S608 - the queries of these tests are SOQL for a sandbox of their own

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sandbox_salesforce_client import START, Desk, open_desk
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceMalformedRequest

SIGNS = ("<", "<=", "=", ">=", ">")


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as opened:
        yield opened


def add_leads(desk: Desk, count: int) -> list[str]:
    return [desk.org.add_lead({"name": f"Ann No{n:03d}", "email": f"a{n}@example.com"}) for n in range(count)]


def code_of(problem: pytest.ExceptionInfo[SalesforceMalformedRequest]) -> str:
    return str(problem.value.content[0]["errorCode"])


def test_a_row_shows_its_fields_its_owner_and_its_stamp_as_salesforce_writes_them(desk: Desk) -> None:
    owner = desk.org.add_person("Rita Rep", "rita@example.com")
    lead = desk.org.add_lead({"name": "Ann Lee", "email": "ann@example.com", "owner": owner, "custom.tier": "A"})
    answer = desk.sf.query("SELECT Id, Name, Status, Tier__c, Owner.Name, CreatedDate FROM Lead")
    assert answer["totalSize"] == 1
    assert answer["done"] is True
    row = answer["records"][0]
    assert row["attributes"] == {"type": "Lead", "url": f"/services/data/v62.0/sobjects/Lead/{lead}"}
    assert (row["Id"], row["Name"], row["Tier__c"]) == (lead, "Ann Lee", "A")
    assert row["Status"] == "Open - Not Contacted"
    assert row["Owner"]["Name"] == "Rita Rep"
    assert row["Owner"]["attributes"]["type"] == "Name"
    assert row["CreatedDate"] == "2026-05-01T10:00:01.000+0000"
    assert len(lead) == 18
    assert lead.startswith("00Q")


def test_pages_follow_locators_and_together_hold_every_row_once(desk: Desk) -> None:
    leads = add_leads(desk, 25)
    desk.org.set_page_size(10)
    first = desk.sf.query("SELECT Id FROM Lead ORDER BY Id")
    assert (first["totalSize"], first["done"], len(first["records"])) == (25, False, 10)
    assert first["nextRecordsUrl"].endswith("-10")
    assert desk.ids("SELECT Id FROM Lead ORDER BY Id") == sorted(leads)


def test_a_lost_locator_is_an_error_of_its_own(desk: Desk) -> None:
    add_leads(desk, 12)
    desk.org.set_page_size(10)
    first = desk.sf.query("SELECT Id FROM Lead")
    desk.org.expire_cursors()
    with pytest.raises(SalesforceMalformedRequest) as problem:
        desk.sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert code_of(problem) == "INVALID_QUERY_LOCATOR"


def test_an_eleventh_cursor_ends_the_first(desk: Desk) -> None:
    add_leads(desk, 3)
    desk.org.set_page_size(2)
    pages = [desk.sf.query("SELECT Id FROM Lead")["nextRecordsUrl"] for _ in range(11)]
    with pytest.raises(SalesforceMalformedRequest):
        desk.sf.query_more(pages[0], identifier_is_url=True)
    assert len(desk.sf.query_more(pages[1], identifier_is_url=True)["records"]) == 1


def test_the_batch_size_header_is_held_between_200_and_2000(desk: Desk) -> None:
    add_leads(desk, 210)
    answer = desk.get("query/?q=SELECT+Id+FROM+Lead", headers={"Sforce-Query-Options": "batchSize=1"}).json()
    assert len(answer["records"]) == 200


def test_thousands_of_rows_with_one_stamp_are_all_read_once_by_keyset() -> None:
    with open_desk(tick=timedelta(0)) as desk:
        desk.org.load([{"name": f"A B{n}"} for n in range(250)], 0)
        assert len({row["SystemModstamp"] for row in desk.rows("SELECT SystemModstamp FROM Lead")}) == 1
        seen: list[str] = []
        stamp, last = "2000-01-01T00:00:00.000Z", "000000000000000"
        while True:
            page = desk.rows(
                f"SELECT Id, SystemModstamp FROM Lead WHERE (SystemModstamp = {stamp} AND Id > '{last}')"
                f" OR SystemModstamp > {stamp} ORDER BY SystemModstamp, Id LIMIT 60"
            )
            if not page:
                break
            seen += [str(row["Id"]) for row in page]
            stamp, last = str(page[-1]["SystemModstamp"]).replace("+0000", "Z"), seen[-1]
        assert seen == sorted(desk.org.leads())


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("NumberOfEmployees = 10", ["B"]),
        ("NumberOfEmployees != 10", ["A", "C", "D"]),
        ("NumberOfEmployees > 10", ["C"]),
        ("NumberOfEmployees >= 10", ["B", "C"]),
        ("NumberOfEmployees < 10.5", ["A", "B"]),
        ("NumberOfEmployees = null", ["D"]),
        ("NumberOfEmployees <> NULL", ["A", "B", "C"]),
        ("LastName = 'a'", ["A"]),
        ("LastName IN ('A', 'c')", ["A", "C"]),
        ("LastName NOT IN ('A', 'C')", ["B", "D"]),
        ("Email LIKE 'b%'", ["B"]),
        ("Email LIKE '_@example.com'", ["A", "B", "C"]),
        ("Email LIKE 'x\\_y%'", ["D"]),
        ("(NOT LastName = 'A') AND NumberOfEmployees != null", ["B", "C"]),
        ("HasOptedOutOfEmail = true", ["C"]),
        ("(LastName = 'A' OR LastName = 'B') AND NumberOfEmployees > 5", ["B"]),
        ("Owner.Name = 'Rita Rep'", ["A"]),
        ("Owner.Type = 'Group'", ["B"]),
        ("CreatedDate < 2026-05-01T12:00:04+02:00", ["A"]),
        ("CreatedDate = TODAY", ["A", "B", "C", "D"]),
        ("CreatedDate = LAST_N_DAYS:3", ["A", "B", "C", "D"]),
        ("CreatedDate > TODAY", []),
        ("Id IN (SELECT WhoId FROM Task WHERE Subject = 'Email: Hi')", ["D"]),
    ],
)
def test_conditions_find_what_salesforce_would(desk: Desk, where: str, found: list[str]) -> None:
    rita = desk.org.add_person("Rita Rep", "rita@example.com")
    queue = desk.org.add_queue("Pool")
    given = (("A", 5, rita, "a@example.com"), ("B", 10, queue, "b@example.com"), ("C", 20, None, "c@example.com"))
    for name, size, owner, email in given:
        fields = {"name": f"Ann {name}", "size": size, "email": email, "opted_out": name == "C"}
        desk.org.add_lead({**fields, "owner": owner})
    last = desk.org.add_lead({"name": "Ann D", "email": "x_y@example.com"})
    desk.org.log_email(last, rita, "outbound", "Hi")
    rows = desk.rows(f"SELECT LastName FROM Lead WHERE {where} ORDER BY LastName")
    assert [row["LastName"] for row in rows] == found


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"),
        ("SELECT * FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead; DROP TABLE x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead -- all", "MALFORMED_QUERY"),
        ("DELETE FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead JOIN Task ON Id = WhoId", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Name = 'it\\zs'", "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE CreatedDate = NEXT_CENTURY", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE CreatedDate = LAST_N_DAYS:99999999", "MALFORMED_QUERY"),
        ("SELECT Nope__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description LIKE '%x%'", "INVALID_FIELD"),
        ("SELECT Id FROM LeadHistory WHERE NewValue = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE LastActivityDate > 2026-01-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Status = 5", "INVALID_FIELD"),
        ("SELECT Owner.Nope FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Id FROM Lead ORDER BY Id LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_a_query_that_salesforce_refuses_is_refused_with_its_code(desk: Desk, soql: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as problem:
        desk.sf.query(soql)
    assert code_of(problem) == code


def test_a_quote_in_a_string_stays_in_the_string(desk: Desk) -> None:
    desk.org.add_lead({"name": "Ann O'Hara"})
    desk.org.add_lead({"name": "Ann Other"})
    assert len(desk.ids("SELECT Id FROM Lead WHERE LastName = 'O\\'Hara'")) == 1
    assert desk.ids("SELECT Id FROM Lead WHERE LastName = 'x\\' OR Id != \\''") == []


def test_a_hidden_field_is_missing_from_describe_and_fails_the_whole_query(desk: Desk) -> None:
    desk.org.add_lead({"name": "Ann Lee"})
    desk.org.hide_field("Lead", "HasOptedOutOfEmail")
    assert "HasOptedOutOfEmail" not in {field["name"] for field in desk.sf.Lead.describe()["fields"]}
    for soql in ("SELECT Id, HasOptedOutOfEmail FROM Lead", "SELECT Id FROM Lead WHERE HasOptedOutOfEmail = true"):
        with pytest.raises(SalesforceMalformedRequest) as problem:
            desk.sf.query(soql)
        assert code_of(problem) == "INVALID_FIELD"
    desk.org.show_field("Lead", "HasOptedOutOfEmail")
    assert desk.rows("SELECT HasOptedOutOfEmail FROM Lead") == [{"HasOptedOutOfEmail": False}]


def test_describe_tells_types_picklists_references_and_the_key_field(desk: Desk) -> None:
    fields = {field["name"]: field for field in desk.sf.Task.describe()["fields"]}
    assert fields["WhoId"]["referenceTo"] == ["Contact", "Lead"]
    assert fields["FollowupKey__c"]["externalId"] is True
    assert fields["FollowupKey__c"]["unique"] is True
    assert fields["TaskSubtype"]["updateable"] is False
    assert "Not Started" in [value["value"] for value in fields["Status"]["picklistValues"]]
    assert "Lead" in [found["name"] for found in desk.sf.describe()["sobjects"]]
    with open_desk(task_key_field=False) as bare:
        assert "FollowupKey__c" not in {field["name"] for field in bare.sf.Task.describe()["fields"]}


def test_children_types_and_counts_can_be_asked_for(desk: Desk) -> None:
    rita = desk.org.add_person("Rita Rep", "rita@example.com")
    busy, quiet = (desk.org.add_lead({"name": f"Ann {name}"}) for name in ("Busy", "Quiet"))
    desk.org.log_call(busy, rita, "no_answer")
    rows = desk.rows("SELECT Id, (SELECT Id, Subject FROM Tasks) FROM Lead ORDER BY Id")
    assert [row["Id"] for row in rows] == [busy, quiet]
    assert rows[0]["Tasks"]["totalSize"] == 1  # type: ignore[index]
    assert rows[1]["Tasks"] is None
    who = desk.rows("SELECT Who.Type, Who.Name FROM Task")[0]["Who"]
    assert (who["Type"], who["Name"]) == ("Lead", "Ann Busy")  # type: ignore[index]
    typed = desk.rows("SELECT TYPEOF Who WHEN Lead THEN Status WHEN Contact THEN Name ELSE Name END FROM Task")
    assert typed[0]["Who"]["Status"] == "Open - Not Contacted"  # type: ignore[index]
    assert desk.sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 2
    assert desk.rows("SELECT COUNT(Id) FROM Lead") == [{"expr0": 2}]
    assert desk.rows("SELECT Status, MAX(LastName) top FROM Lead GROUP BY Status") == [
        {"Status": "Open - Not Contacted", "top": "Quiet"}
    ]
    assert desk.ids("SELECT Id FROM Group") == []


def test_order_puts_empty_values_first_unless_told_otherwise(desk: Desk) -> None:
    for name, size in (("A", 2), ("B", None), ("C", 1)):
        desk.org.add_lead({"name": name, "size": size})
    order = "SELECT LastName FROM Lead ORDER BY NumberOfEmployees"
    for suffix, names in (("", "BCA"), (" NULLS LAST", "CAB"), (" DESC", "BAC"), (" DESC NULLS LAST", "ACB")):
        assert "".join(str(row["LastName"]) for row in desk.rows(order + suffix)) == names


def test_rows_can_become_visible_after_rows_with_later_stamps(desk: Desk) -> None:
    early = desk.org.add_lead({"name": "Ann Early"})
    desk.org.late_rows("Lead", timedelta(minutes=2))
    desk.org.set_fields(early, {"status": "Interested"})
    late = desk.org.add_lead({"name": "Ann Late"})
    desk.org.late_rows("Lead", None)
    prompt = desk.org.add_lead({"name": "Ann Prompt"})
    ordered = "SELECT Id, Status FROM Lead ORDER BY SystemModstamp, Id"
    assert [(r["Id"], r["Status"]) for r in desk.rows(ordered)] == [
        (early, "Open - Not Contacted"),
        (prompt, "Open - Not Contacted"),
    ]
    assert desk.rows(f"SELECT Status FROM Lead WHERE Id IN ('{early}', '{late}')") == [
        {"Status": "Open - Not Contacted"}
    ]
    assert desk.sf.Lead.get(early)["Status"] == "Open - Not Contacted"
    assert desk.get(f"sobjects/Lead/{late}").status_code == 404
    desk.clock.move_to(START + timedelta(minutes=3))
    assert [(r["Id"], r["Status"]) for r in desk.rows(ordered)] == [
        (early, "Interested"),
        (late, "Open - Not Contacted"),
        (prompt, "Open - Not Contacted"),
    ]


def test_a_bound_on_the_stamp_takes_its_own_instant_in_or_leaves_it_out(desk: Desk) -> None:
    first, second = add_leads(desk, 2)
    stamp = str(desk.rows(f"SELECT SystemModstamp FROM Lead WHERE Id = '{first}'")[0]["SystemModstamp"])
    literal = stamp.replace("+0000", "Z")
    found = {sign: desk.ids(f"SELECT Id FROM Lead WHERE SystemModstamp {sign} {literal} ORDER BY Id") for sign in SIGNS}
    assert found == {"<": [], "<=": [first], "=": [first], ">=": [first, second], ">": [second]}
    later = literal.replace(".000Z", ".001Z")
    assert desk.ids(f"SELECT Id FROM Lead WHERE SystemModstamp >= {later}") == [second]


def test_deleted_and_archived_rows_are_seen_by_queryall_only(desk: Desk) -> None:
    rita = desk.org.add_person("Rita Rep", "rita@example.com")
    lead, gone = (desk.org.add_lead({"name": f"Ann {name}"}) for name in ("Here", "Gone"))
    call = desk.org.log_call(lead, rita, "busy")
    desk.org.delete(gone)
    desk.clock.move_by(timedelta(days=366))
    desk.org.archive()
    assert desk.ids("SELECT Id FROM Lead") == [lead]
    assert desk.ids("SELECT Id FROM Task") == []
    everything = desk.sf.query("SELECT Id, IsDeleted FROM Lead ORDER BY Id", include_deleted=True)["records"]
    assert [(row["Id"], row["IsDeleted"]) for row in everything] == [(lead, False), (gone, True)]
    assert desk.sf.query("SELECT Id FROM Task", include_deleted=True)["records"][0]["Id"] == call


def test_an_address_beyond_16384_bytes_is_refused(desk: Desk) -> None:
    many = ",".join(f"'{number:018d}'" for number in range(700))
    with pytest.raises(SalesforceGeneralError) as problem:
        desk.sf.query(f"SELECT Id FROM Lead WHERE Id IN ({many})")
    assert problem.value.status == 414


def test_an_object_without_permission_is_no_object(desk: Desk) -> None:
    desk.org.remove_permission("LeadHistory")
    with pytest.raises(SalesforceMalformedRequest) as problem:
        desk.sf.query("SELECT Id FROM LeadHistory")
    assert code_of(problem) == "INVALID_TYPE"
    desk.org.restore_permission("LeadHistory")
    assert desk.ids("SELECT Id FROM LeadHistory") == []
