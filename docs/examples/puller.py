#!/usr/bin/env python3
"""Keeps a copy of a server's records in a SQLite file, and sends changes to it: docs/SYNC.md in Python.

    puller.py COPY put FILE   puts changes into the outbox: one item of a push a line
    puller.py COPY sync       pulls up to the present, sends the outbox, pulls what came of it
    puller.py COPY watch      the same, and goes on with every change, until it is stopped
    puller.py COPY inbox      prints what the server refused: each item with the server's result

It needs Python 3.10 and nothing else. SERVER is the server's base URL, TOKEN the system's token, TYPES what the copy
holds (`unit,member`; default all), LIMIT the most changes of a page. It may be killed at any moment: the next run
continues where it was. Only the feed writes into the copy: a change that was sent is there when it comes back. It
leaves out one thing: to compare what it sent with what the server still has after a restore from a backup.
"""

import http.client
import json
import os
import random
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

TABLES = """
create table if not exists state (json);
create table if not exists records (type, id, version, generation, body, primary key (type, id));
create table if not exists outbox (number integer primary key, item);
create table if not exists batches (number integer primary key, key, body, made_at real);
create table if not exists inbox (number integer primary key, item, result);
"""
UPSERT = """
insert into records values (:type, :id, :version, :generation, :body) on conflict do update
set version = :version, generation = :generation, body = :body where :snapshot or version <= :version
"""
REMOVE = "delete from records where type = :type and id = :id and version <= :version"
DONE = {"created", "updated", "unchanged", "deleted", "restored", "skipped_own_origin"}
LIMIT = int(os.environ.get("LIMIT", "500"))
TYPES = {"types": os.environ["TYPES"]} if "TYPES" in os.environ else {}
KEY_AGE = 6 * 86400  # seconds: the server keeps keys a day longer (`idempotency_key_days` of GET /v1/sync)


class Refused(Exception):
    """An answer that no repeat changes: its status, and the problem as the server wrote it."""


def call(path, body=None, headers={}, timeout=60):
    """A GET, or with a body a POST; repeated as it is until there is an answer that counts."""
    headers = headers | {"Authorization": "Bearer " + os.environ["TOKEN"], "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["SERVER"] + path, body, headers)
    longest = 0.5
    while True:
        longest = min(60, longest * 2)
        pause = random.uniform(0, longest)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429) and error.code < 500:
                raise Refused(error.code, json.load(error)) from None
            pause = float(error.headers.get("Retry-After", pause))
        except (OSError, http.client.HTTPException):
            pass  # no answer, or only a part of one
        time.sleep(pause)


class Copy:
    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript("pragma journal_mode = wal; pragma synchronous = full;" + TABLES)

    def transaction(self):
        self.db.execute("begin immediate")
        return self.db  # as a context it commits, or takes all back after an exception

    def state(self):
        """What belongs to the cursor: it changes in the transaction that applies a page."""
        row = self.db.execute("select json from state").fetchone()
        return json.loads(row[0]) if row else {"cursor": None, "epoch": None, "generation": 0, "received": {}}

    def save(self, state):
        self.db.execute("delete from state")
        self.db.execute("insert into state values (?)", [json.dumps(state)])

    # ---- Pull ----

    def pull(self, wait=0):
        """Up to the present; with `wait`, the first call waits for a change as long as that."""
        while True:
            state = self.state()
            query = {"limit": LIMIT, "wait": wait} | ({"cursor": state["cursor"]} if state["cursor"] else TYPES)
            try:
                page = call("/v1/sync/changes?" + urllib.parse.urlencode(query), timeout=wait + 60)
            except Refused as refused:
                _, problem = refused.args
                if problem["code"] not in ("cursor_gone", "cursor_invalid", "cursor_filter_mismatch"):
                    raise
                with self.transaction():
                    self.save(state | {"cursor": None})  # begin again, over the same copy
                continue
            with self.transaction():
                self.apply(page, state)
                self.save(state)
            if state["cursor"] and not page["has_more"]:
                return
            wait = 0

    def apply(self, page, state):
        snapshot = page["phase"] == "snapshot"
        state |= {"cursor": page["cursor"], "epoch": page["epoch"]}
        if page.get("reset"):
            state |= {"generation": state["generation"] + 1, "received": {}}
        for change in page["changes"]:
            match change["op"]:
                case "upsert":
                    row = change | {"body": json.dumps(change["record"], ensure_ascii=False)}
                    self.db.execute(UPSERT, row | {"generation": state["generation"], "snapshot": snapshot})
                    if snapshot:
                        state["received"][change["type"]] = state["received"].get(change["type"], 0) + 1
                case "remove":
                    self.db.execute(REMOVE, change)
                case "snapshot_end" if change["counts"] in ({}, state["received"]):
                    self.db.execute("delete from records where generation < ?", [state["generation"]])
                case "snapshot_end":
                    state["cursor"] = None  # something is missing: begin again
        for unit in page.get("unknown_units", []):
            print(f"no such unit, or not to be seen: {unit}", file=sys.stderr)

    # ---- Push ----

    def push(self):
        """Sends what waits. A batch is stored, with its key, before it is sent."""
        while True:
            batch = self.db.execute("select * from batches order by number limit 1").fetchone()
            if batch:
                self.send(*batch)
                continue
            rows = self.db.execute("select number, item from outbox order by number limit 500").fetchall()
            if not rows:
                return
            with self.transaction():
                self.store_batch([json.loads(item) for _, item in rows])
                self.db.execute("delete from outbox where number <= ?", [rows[-1][0]])

    def store_batch(self, items):
        epoch = self.state()["epoch"]
        batch = {"mode": "record", "items": items} | ({"epoch": epoch} if epoch else {})
        row = [str(uuid.uuid4()), json.dumps(batch), time.time()]
        self.db.execute("insert into batches (key, body, made_at) values (?, ?, ?)", row)

    def send(self, number, key, body, made_at):
        items, results, problem = json.loads(body)["items"], None, {"status": 0, "code": "too_old"}
        if time.time() - made_at < KEY_AGE:
            try:
                results = call("/v1/sync/push", body.encode(), {"Idempotency-Key": key})["items"]
            except Refused as refused:
                status, problem = refused.args
                if status in (401, 403):
                    raise
        with self.transaction():
            self.db.execute("delete from batches where number = ?", [number])
            if not results and len(items) > 1 and problem["code"] not in ("too_old", "epoch_changed"):
                self.store_batch(items[: len(items) // 2])
                self.store_batch(items[len(items) // 2 :])
                return
            for item, result in zip(items, results or [problem] * len(items)):  # or all were refused for one reason
                if result["status"] == "blocked":  # by another item, which is in the inbox now
                    self.db.execute("insert into outbox (item) values (?)", [json.dumps(item)])
                elif result["status"] not in DONE:
                    row = [json.dumps(item, ensure_ascii=False), json.dumps(result, ensure_ascii=False)]
                    self.db.execute("insert into inbox (item, result) values (?, ?)", row)


def main(path=":memory:", command="", *arguments):
    copy = Copy(path)
    if command == "put":
        with open(arguments[0], encoding="utf-8") as file, copy.transaction():
            items = [[json.dumps(json.loads(line))] for line in file]
            copy.db.executemany("insert into outbox (item) values (?)", items)
    elif command == "inbox":
        for item, result in copy.db.execute("select item, result from inbox order by number"):
            print(f'{{"item": {item}, "result": {result}}}')
    elif command in ("sync", "watch"):  # it pulls first: after a restore nothing is pushed upon old versions
        copy.pull()
        copy.push()
        copy.pull()
        while command == "watch":
            copy.push()
            copy.pull(wait=50)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Refused as refused:
        sys.exit("{}: {}".format(*refused.args))
