// A front end's calls, by @hey-api/openapi-ts.

import assert from "node:assert/strict";
import { client } from "./generated/hey_api/client.gen.js";
import * as api from "./generated/hey_api/index.js";

const { SERVER: baseUrl = "", USERNAME: username = "", PASSWORD: password = "" } = process.env;
client.setConfig({ baseUrl });

// ---- Log in

const { data: tokens } = await api.login({ body: { username, password }, throwOnError: true });
client.setConfig({ auth: tokens.access_token });

// ---- List with filters, page by page

const members: api.Member[] = [];
let total: number | undefined;
let cursor: string | undefined;
do {
  const { data } = await api.listMembers({
    query: {
      status: ["official", "probationary"],
      sex: ["female"],
      sort: "full_name",
      count: "exact",
      limit: 200,
      cursor,
    },
    throwOnError: true,
  });
  total ??= data.total;
  members.push(...data.items);
  cursor = data.next_cursor;
} while (cursor);
assert.equal(members.length, total);
assert(members.length > 200, "the demo has several pages");
assert(members.every((member) => member.sex === "female"));

// ---- Create

const body: api.MemberCreate = {
  unit_id: "ext:demo:cell-01",
  full_name: "Đặng Thị Thu Hà",
  sex: "female",
  birth_date: "1991-04",
  admission_date: "2019-02-03",
};
const created = await api.createMember({ body, throwOnError: true });
assert(created.response.status === 201 && created.data);
const path = { id: created.data.id };
const etag = created.response.headers.get("ETag") ?? "";

// ---- Change, built on the version that was read

const change = (etag: string, body: api.MemberUpdate) => api.updateMember({ path, headers: { "If-Match": etag }, body });
const changed = await change(etag, { phone: "+84912345678", birth_place: null });
assert(changed.data);
assert.equal(changed.data.phone, "+84912345678");

// ---- Problems

// Another version by now: the problem has the record as it is.
const stale: api.Problem | undefined = (await change(etag, { phone: null })).error;
assert(stale?.code === "stale_version" && stale.current);
assert.equal(stale.current.version, 2);
assert((await change(stale.etag ?? "", { phone: null })).data);

// A body with faults: each has a pointer to its place.
const faulty: api.Problem | undefined = (await api.createMember({ body: { ...body, birth_date: "2199-01" } })).error;
assert(faulty?.code === "invalid");
assert.deepEqual(
  faulty.errors?.map((fault) => [fault.pointer, fault.code]),
  [["/birth_date", "in_the_future"]],
);

// ---- The feed: first all, then what changes

const copy = new Map<string, number>();
async function pull(cursor?: string): Promise<string> {
  const query = cursor ? { cursor } : { types: ["member" as const] };
  const { data: page } = await api.pullChanges({ query, throwOnError: true });
  for (const change of page.changes) {
    switch (change.op) {
      case "upsert":
        copy.set(change.id, change.version);
        break;
      case "remove":
        copy.delete(change.id);
        break;
      case "snapshot_end":
        assert.equal(copy.size, change.counts.member);
    }
  }
  return page.has_more ? pull(page.cursor) : page.cursor;
}
const present = await pull();
assert.equal(copy.get(path.id), 3);

const current = await api.getMember({ path, throwOnError: true });
const headers = { "If-Match": current.response.headers.get("ETag") ?? "" };
const deleted = await api.deleteMember({ path, headers, throwOnError: true });
assert.equal(deleted.response.status, 204);
await pull(present);
assert(!copy.has(path.id));
