// A front end's calls, by openapi-typescript and openapi-fetch.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi_fetch/schema.js";

type Member = components["schemas"]["Member"];
type MemberCreate = components["schemas"]["MemberCreate"];
type MemberUpdate = components["schemas"]["MemberUpdate"];
type Problem = components["schemas"]["Problem"];

const { SERVER: baseUrl = "", USERNAME: username = "", PASSWORD: password = "" } = process.env;
const api = createClient<paths>({ baseUrl });

// The data of a call that must succeed.
function got<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  assert(answer.data !== undefined, `${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

// ---- Log in

const tokens = got(await api.POST("/v1/auth/login", { body: { username, password } }));
api.use({
  onRequest: ({ request }) => request.headers.set("Authorization", `Bearer ${tokens.access_token}`),
});

// ---- List with filters, page by page

const members: Member[] = [];
let total: number | undefined;
let cursor: string | undefined;
do {
  const query = {
    status: ["official", "probationary"],
    sex: ["female"],
    sort: "full_name",
    count: "exact",
    limit: 200,
    cursor,
  } satisfies paths["/v1/members"]["get"]["parameters"]["query"];
  const page = got(await api.GET("/v1/members", { params: { query } }));
  total ??= page.total;
  members.push(...page.items);
  cursor = page.next_cursor;
} while (cursor);
assert.equal(members.length, total);
assert(members.length > 200, "the demo has several pages");
assert(members.every((member) => member.sex === "female"));

// ---- Create

const body: MemberCreate = {
  unit_id: "ext:demo:cell-01",
  full_name: "Đặng Thị Thu Hà",
  sex: "female",
  birth_date: "1991-04",
  admission_date: "2019-02-03",
};
const created = await api.POST("/v1/members", { body });
assert.equal(created.response.status, 201);
const path = { id: got(created).id };
const etag = created.response.headers.get("ETag") ?? "";

// ---- Change, built on the version that was read

const change = (etag: string, body: MemberUpdate) =>
  api.PATCH("/v1/members/{id}", { params: { path, header: { "If-Match": etag } }, body });
const changed = await change(etag, { phone: "+84912345678", birth_place: null });
assert.equal(got(changed).phone, "+84912345678");

// ---- Problems

// Another version by now: the problem has the record as it is.
const stale: Problem | undefined = (await change(etag, { phone: null })).error;
assert(stale?.code === "stale_version" && stale.current);
assert.equal(stale.current.version, 2);
got(await change(stale.etag ?? "", { phone: null }));

// A body with faults: each has a pointer to its place.
const faulty: Problem | undefined = (await api.POST("/v1/members", { body: { ...body, birth_date: "2199-01" } })).error;
assert(faulty?.code === "invalid");
assert.deepEqual(
  faulty.errors?.map((fault) => [fault.pointer, fault.code]),
  [["/birth_date", "in_the_future"]],
);

// ---- The feed: first all, then what changes

const copy = new Map<string, number>();
async function pull(cursor?: string): Promise<string> {
  const query = cursor ? { cursor } : { types: ["member" as const] };
  const page = got(await api.GET("/v1/sync/changes", { params: { query } }));
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

const current = await api.GET("/v1/members/{id}", { params: { path } });
const header = { "If-Match": current.response.headers.get("ETag") ?? "" };
const deleted = await api.DELETE("/v1/members/{id}", { params: { path, header } });
assert.equal(deleted.response.status, 204);
await pull(present);
assert(!copy.has(path.id));
