"""A program's calls, by openapi-python-client."""

import os
from datetime import date

from cell_records_client import AuthenticatedClient, Client
from cell_records_client.api.login import login
from cell_records_client.api.members import create_member, delete_member, get_member, list_members, update_member
from cell_records_client.api.sync import pull_changes
from cell_records_client.models import (
    ChangeRemove,
    ChangeSnapshotEnd,
    ChangesPage,
    ChangeUpsert,
    ErrorCode,
    ListMembersCount,
    Login,
    Member,
    MemberCreate,
    MemberPage,
    MemberStatus,
    MemberUpdate,
    Problem,
    RecordTypeName,
    Sex,
    Tokens,
)

server = os.environ["SERVER"]

# ---- Log in

credentials = Login(username=os.environ["USERNAME"], password=os.environ["PASSWORD"])
tokens = login.sync(client=Client(server), body=credentials)
assert isinstance(tokens, Tokens), tokens
client = AuthenticatedClient(server, token=tokens.access_token)

# ---- List with filters, page by page

members: list[Member] = []
total = None
following = {}
while following is not None:
    page = list_members.sync(
        client=client,
        status=[MemberStatus.OFFICIAL, MemberStatus.PROBATIONARY],
        sex=[Sex.FEMALE],
        limit=200,
        count=ListMembersCount.EXACT,
        **following,
    )
    assert isinstance(page, MemberPage), page
    total = total or page.total
    members += page.items
    following = {"cursor": page.next_cursor} if page.next_cursor else None
assert len(members) == total and total > 200
assert all(member.sex == Sex.FEMALE for member in members)

# ---- Create

body = MemberCreate(
    unit_id="ext:demo:cell-01",
    full_name="Đặng Thị Thu Hà",
    sex=Sex.FEMALE,
    birth_date="1991-04",
    admission_date=date(2019, 2, 3),
)
created = create_member.sync_detailed(client=client, body=body)
assert created.status_code == 201 and isinstance(created.parsed, Member), created
member = created.parsed
etag = created.headers["ETag"]

# ---- Change, built on the version that was read

change = MemberUpdate(phone="+84912345678", birth_place=None)
changed = update_member.sync(str(member.id), client=client, body=change, if_match=etag)
assert isinstance(changed, Member) and changed.phone == "+84912345678", changed

# ---- Problems

# Another version by now: the problem has the record as it is.
stale = update_member.sync(str(member.id), client=client, body=MemberUpdate(phone=None), if_match=etag)
assert isinstance(stale, Problem) and stale.code == ErrorCode.STALE_VERSION, stale
assert stale.current["version"] == 2
repeated = update_member.sync(str(member.id), client=client, body=MemberUpdate(phone=None), if_match=stale.etag)
assert isinstance(repeated, Member), repeated

# A body with faults: each has a pointer to its place.
body.birth_date = "2199-01"
faulty = create_member.sync(client=client, body=body)
assert isinstance(faulty, Problem) and faulty.code == ErrorCode.INVALID, faulty
assert [(fault.pointer, fault.code) for fault in faulty.errors] == [("/birth_date", "in_the_future")]

# ---- The feed: first all, then what changes

copy = {}


def pull(**parameters):
    """Applies all pages from here on, and returns the cursor behind them."""
    while True:
        page = pull_changes.sync(client=client, **parameters)
        assert isinstance(page, ChangesPage), page
        for change in page.changes:
            match change:
                case ChangeUpsert():
                    copy[change.id] = change.version
                case ChangeRemove():
                    copy.pop(change.id, None)
                case ChangeSnapshotEnd():
                    assert change.counts["member"] == len(copy)
        parameters = {"cursor": page.cursor}
        if not page.has_more:
            return page.cursor


cursor = pull(types=[RecordTypeName.MEMBER])
assert copy[member.id] == 3

current = get_member.sync_detailed(str(member.id), client=client)
deleted = delete_member.sync_detailed(str(member.id), client=client, if_match=current.headers["ETag"])
assert deleted.status_code == 204, deleted
pull(cursor=cursor)
assert member.id not in copy
