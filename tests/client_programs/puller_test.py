"""The puller of docs/examples under what happens to programs: kill -9, lost answers, a 410, a conflict."""

import contextlib
import datetime
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERVER = urllib.parse.urlsplit(os.environ["SERVER"])


def call(method, path, body, headers):
    """One call to the server: its answer, and the body."""
    with contextlib.closing(http.client.HTTPConnection(SERVER.netloc)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer, answer.read()


def fetch(method, path, body=None, token="", headers={}):
    """What a call returns that must succeed."""
    headers = headers | {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer, text = call(method, path, body and json.dumps(body).encode(), headers)
    assert answer.status < 300, (answer.status, text)
    return json.loads(text or "null")


def log_in(username, password):
    return fetch("POST", "/v1/auth/login", {"username": username, "password": password})["access_token"]


def change(member, version, occupation):
    """An item of a push."""
    item = {"op": "update", "type": "member", "id": f"ext:demo:{member}", "if_version": version}
    return item | {"fields": {"occupation_current": occupation}}


OFFICE = log_in(os.environ["USERNAME"], os.environ["PASSWORD"])
ADMIN = log_in("admin", os.environ["CELL_RECORDS_ADMIN_PASSWORD"])


class Proxy(ThreadingHTTPServer):
    """Passes calls on to the server, and of each answer the part that `on_answer` returns, from 0 to 1."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.calls = []
        self.on_answer = lambda path: 1
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the puller was killed


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer, body = call(self.command, self.path, sent, dict(self.headers))
        self.server.calls.append((self.path, self.headers.get("Idempotency-Key"), sent, answer))
        part = self.server.on_answer(self.path)
        if part == 0:
            return
        self.send_response_only(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: int(len(body) * part)])

    do_POST = do_GET


class Puller(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.proxy = self.enterContext(Proxy())
        self.addCleanup(self.proxy.shutdown)
        self.token = os.environ["TOKEN"]

    # ---- The puller's process

    def run_puller(self, *arguments):
        """Its exit status, and what it printed."""
        command = [sys.executable, os.environ["PULLER"], f"{self.folder}/copy", *arguments]
        environment = os.environ | {"SERVER": self.proxy.url, "TOKEN": self.token, "LIMIT": "1000"}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        printed, _ = self.process.communicate(timeout=60)
        return self.process.returncode, printed

    def puller(self, *arguments):
        status, printed = self.run_puller(*arguments)
        self.assertEqual(status, 0)
        return printed

    def put(self, *items):
        with open(f"{self.folder}/items", "w") as file:
            file.writelines(json.dumps(item) + "\n" for item in items)
        self.puller("put", file.name)

    def inbox(self):
        return [json.loads(line) for line in self.puller("inbox").splitlines()]

    # ---- Its copy, and what the server has

    def copy(self):
        with contextlib.closing(sqlite3.connect(f"{self.folder}/copy")) as copy:
            rows = copy.execute("select type, id, body from records")
            return {(type, id): json.loads(body) for type, id, body in rows}

    def records(self):
        """All that the server shows to the puller's token."""
        records = {}
        types = fetch("GET", "/v1/record_types", token=self.token)["items"]
        for type in (type for type in types if any(field["readable_in"] for field in type["fields"])):
            cursor = ""
            while cursor is not None:
                page = fetch("GET", f"{type['collection']}?limit=500{cursor}", token=self.token)
                records |= {(record["type"], record["id"]): record for record in page["items"]}
                cursor = "&cursor=" + page["next_cursor"] if "next_cursor" in page else None
        return records

    def assert_equal_copy(self):
        copy, records = self.copy(), self.records()
        self.assertEqual(copy.keys(), records.keys())
        self.assertEqual(copy, records)

    # ---- Tests

    def test_killed_again_and_again_it_ends_with_all_records(self):
        # After each answer, a little later than the time before: at every step of what it does with one.
        kills = 0

        def kill_later(path):
            threading.Timer(0.001 * 1.2**kills, self.process.kill).start()
            return 1

        self.proxy.on_answer = kill_later
        while self.run_puller("sync")[0] != 0:
            kills += 1
        self.assertGreater(kills, 5)
        self.assert_equal_copy()

    def test_after_lost_answers_it_repeats_the_call(self):
        parts = iter([0, 0.5])
        self.proxy.on_answer = lambda path: next(parts, 1)
        self.puller("sync")
        first, second, third, *_ = [path for path, *_ in self.proxy.calls]
        self.assertEqual(first, second)
        self.assertEqual(second, third)
        self.assert_equal_copy()

    def change_whose_first_answer(self, is_lost_by, member):
        """Sends one change, by as many runs as it needs, which is stored once by two equal calls."""
        path = f"/v1/members/ext:demo:{member}"
        before = fetch("GET", path, token=self.token)["version"]
        self.put(change(member, before, "Trồng hoa"))
        losses = iter([is_lost_by])
        self.proxy.on_answer = lambda path: next(losses, lambda: 1)() if path == "/v1/sync/push" else 1
        while self.run_puller("sync")[0] != 0:
            pass

        (key, sent, answer), (key_again, sent_again, repeat) = [
            pushed for path, *pushed in self.proxy.calls if path == "/v1/sync/push"
        ]
        self.assertEqual((key_again, sent_again), (key, sent))
        self.assertIsNone(answer.getheader("Idempotent-Replayed"))
        self.assertEqual(repeat.getheader("Idempotent-Replayed"), "true")
        after = fetch("GET", path, token=self.token)
        self.assertEqual(after["version"], before + 1)
        self.assertEqual(self.copy()["member", after["id"]], after)
        self.assertEqual(self.inbox(), [])

    def test_a_push_whose_answer_is_lost_is_sent_again_and_stored_once(self):
        self.change_whose_first_answer(lambda: 0, "member-0011")

    def test_killed_before_the_answer_to_a_push_it_sends_it_again_at_its_next_start(self):
        def kill():
            self.process.kill()
            return 0

        self.change_whose_first_answer(kill, "member-0012")

    def test_a_batch_that_is_too_large_is_divided_until_the_fault_is_alone(self):
        good = [change(f"member-00{number}", 1, "Làm vườn") for number in (15, 16)]
        large = good[0] | {"fields": {"other_names": ["An"] * 200_000}}
        self.put(good[0], large, good[1])
        self.puller("sync")
        (refused,) = self.inbox()
        self.assertEqual(refused["item"], large)
        self.assertEqual(refused["result"]["code"], "too_large")
        changed = [record for record in self.copy().values() if record.get("occupation_current") == "Làm vườn"]
        self.assertEqual(len(changed), 2)

    def test_after_a_410_it_drops_what_it_may_not_see_any_more(self):
        system = {"name": "Two cells", "contact": "nobody", "purpose": "test"}
        path = "/v1/systems/" + fetch("POST", "/v1/systems", system, ADMIN)["id"]
        for cell in ("ext:demo:cell-01", "ext:demo:cell-02"):
            grant = fetch("POST", f"{path}/grants", {"role": "exchange_peer", "unit_id": cell}, ADMIN)
        tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        token = {"name": "test", "expires_at": tomorrow.isoformat()}
        self.token = fetch("POST", f"{path}/tokens", token, ADMIN)["token"]
        self.puller("sync")
        self.assert_equal_copy()
        before = self.copy().keys()

        fetch("DELETE", f"{path}/grants/{grant['id']}", token=ADMIN, headers={"If-Match": "*"})
        self.puller("sync")
        self.assertIn(410, [answer.status for *_, answer in self.proxy.calls])
        self.assert_equal_copy()
        self.assertLess(self.copy().keys(), before)

    def test_a_conflict_waits_for_a_person_and_the_rest_is_stored(self):
        path = "/v1/members/ext:demo:member-0013"
        before = fetch("GET", path, token=self.token)["version"]
        theirs = fetch("PATCH", path, {"occupation_current": "Giáo viên"}, OFFICE, {"If-Match": "*"})
        late, other = change("member-0013", before, "Nghỉ hưu"), change("member-0014", 1, "Nghỉ hưu")
        self.put(late, other)
        self.puller("sync")

        (refused,) = self.inbox()
        self.assertEqual(refused["item"], late)
        self.assertEqual(refused["result"]["status"], "conflict")
        both_sides = {"field": "occupation_current", "current": "Giáo viên", "incoming": "Nghỉ hưu"}
        self.assertEqual(refused["result"]["conflict"]["fields"], [both_sides])
        self.assertEqual(self.copy()["member", theirs["id"]]["occupation_current"], "Giáo viên")
        self.assert_equal_copy()


if __name__ == "__main__":
    unittest.main()
