// Drives every method of postgrest-js' builders against the gateway at argv[2] and prints what came back as JSON.
// argv[3] is a token. Writes go to the table items, which must be empty.
import {
  PostgrestBuilder,
  PostgrestClient,
  PostgrestFilterBuilder,
  PostgrestQueryBuilder,
  PostgrestTransformBuilder,
} from "@supabase/postgrest-js";

const classes = { PostgrestBuilder, PostgrestClient, PostgrestFilterBuilder, PostgrestQueryBuilder, PostgrestTransformBuilder };
const unused = new Set();
for (const [owner, made] of Object.entries(classes)) {
  for (const name of Object.getOwnPropertyNames(made.prototype)) {
    const method = made.prototype[name];
    if (name === "constructor" || name.startsWith("_") || typeof method !== "function") continue;
    unused.add(`${owner}.${name}`);
    made.prototype[name] = function (...args) {
      unused.delete(`${owner}.${name}`);
      return method.apply(this, args);
    };
  }
}

const [url, token] = process.argv.slice(2);
const client = new PostgrestClient(url, { schema: "api" });
const known = new PostgrestClient(url, { headers: { Authorization: `Bearer ${token}` } });
const films = (columns = "id", options = {}) => client.from("films").select(columns, options);
const places = () => client.from("places").select("id");
const bookings = () => client.from("bookings").select("id").order("id");
const items = () => client.from("items");

const calls = {
  select: () => client.from("actors").select().order("id").limit(2),
  columns: () => films("id, no:id::text, info->sound->mono, directors(name)").eq("id", 1),
  count: () => films("*", { count: "exact", head: true }),
  planned: () => client.from("countries").select("*", { count: "planned" }).limit(1).select("id"),
  estimated: () => films("id", { count: "estimated" }).lt("id", 3),
  eq: () => films().eq("id", 1),
  neq: () => films().neq("id", 1).order("id"),
  gt: () => films().gt("id", 6),
  gte: () => films().gte("id", 6).order("id"),
  lt: () => films().lt("id", 2),
  lte: () => films().lte("id", 2).order("id"),
  like: () => films().like("title", "%an"),
  ilike: () => films().ilike("title", "%RAN%"),
  likeAllOf: () => films().likeAllOf("title", ["%a%", "%n"]).order("id"),
  likeAnyOf: () => films().likeAnyOf("title", ["Ran", "Vaga%"]).order("id"),
  ilikeAllOf: () => films().ilikeAllOf("title", ["%R%", "%N"]).order("id"),
  ilikeAnyOf: () => films().ilikeAnyOf("title", ["ran", "VAGA%"]).order("id"),
  regexMatch: () => films().regexMatch("title", "^Ra?n$"),
  regexIMatch: () => films().regexIMatch("title", "^RA?N$"),
  is: () => films().is("director_id", null),
  isDistinct: () => films().isDistinct("director_id", 1).order("id"),
  in: () => films().in("title", ["Ran", "Cléo from 5 to 7"]).order("id"),
  notIn: () => films().notIn("id", [1, 2, 3]).order("id"),
  contains: () => films().contains("tags", ["drama", "paris"]),
  containsJson: () => films().contains("info", { n: 1 }),
  containedBy: () => films().containedBy("tags", ["drama", "paris"]).order("id"),
  overlaps: () => films().overlaps("tags", ["action", "documentary"]).order("id"),
  rangeGt: () => bookings().rangeGt("nights", "[1,5)"),
  rangeGte: () => bookings().rangeGte("nights", "[5,6)"),
  rangeLt: () => bookings().rangeLt("nights", "[9,10)"),
  rangeLte: () => bookings().rangeLte("nights", "[5,9)"),
  rangeAdjacent: () => bookings().rangeAdjacent("nights", "[9,20)"),
  textSearch: () => films().textSearch("search", "samurai"),
  textSearchPlain: () => films().textSearch("title", "jeanne dielman", { type: "plain", config: "english" }),
  textSearchPhrase: () => films().textSearch("title", "faces places", { type: "phrase", config: "simple" }),
  textSearchWeb: () => films().textSearch("title", "ran or vagabond", { type: "websearch" }).order("id"),
  match: () => films().match({ year: 1985, mood: "wild" }),
  not: () => films().not("director_id", "is", null).order("id"),
  or: () => films().or("id.eq.1,and(year.eq.1985,mood.eq.wild)").order("id"),
  filter: () => films().filter("id", "in", "(1,2)").order("id"),
  embeddedFilter: () => client.from("directors").select("id, films!inner(id)").eq("films.id", 4),
  embeddedOr: () =>
    client.from("directors").select("id, films(id)").eq("id", 1).or("id.eq.1,id.eq.3", { referencedTable: "films" })
      .order("id", { referencedTable: "films" }),
  embeddedOrderLimit: () =>
    client.from("directors").select("films(id)").eq("id", 1)
      .order("year", { ascending: false, foreignTable: "films" }).limit(1, { foreignTable: "films" }),
  embeddedRange: () =>
    client.from("directors").select("films(id)").eq("id", 1).order("id", { referencedTable: "films" })
      .range(1, 2, { referencedTable: "films" }),
  spread: () => films("title, ...directors(by:name)").eq("id", 5),
  antiJoin: () => client.from("directors").select("id, films()").is("films", null),
  aggregate: () => films("director_id, rating.max()").not("director_id", "is", null).order("director_id"),
  orderNulls: () => films().order("rating", { ascending: false, nullsFirst: false }).order("id").limit(2),
  relatedOrder: () => films("id, directors(name)").order("directors(name)").order("id").limit(1),
  range: () => films("id", { count: "exact" }).order("id").range(2, 3),
  single: () => films("id").eq("id", 1).single(),
  singleNone: () => films("id").eq("id", 0).single(),
  singleMany: () => films("id").single(),
  maybeSingle: () => films("id").eq("id", 1).maybeSingle(),
  maybeSingleNone: () => films("id").eq("id", 0).maybeSingle(),
  maybeSingleMany: () => films("id").maybeSingle(),
  csv: () => films("id,title").eq("id", 5).csv(),
  stripNulls: () => films("id,rating").eq("id", 7).stripNulls(),
  returns: () => films("id").eq("id", 1).returns(),
  overrideTypes: () => films("id").eq("id", 1).overrideTypes(),
  explain: () => films().eq("id", 1).explain(),
  explainJson: () => films().eq("id", 1).explain({ format: "json", analyze: true, verbose: true, settings: true, buffers: true, wal: true }),
  setHeader: () => client.rpc("context").setHeader("X-Own", "mine"),
  retry: () => films().eq("id", 1).retry(false),
  abortSignal: () => client.rpc("wait", { seconds: 5 }).abortSignal(AbortSignal.timeout(200)),
  throwOnError: async () => {
    try {
      return await client.from("nope").select().throwOnError();
    } catch (error) {
      return { thrown: error.name, code: error.code };
    }
  },
  notFound: () => client.from("nope").select(),
  forbidden: () => client.from("secrets").select(),
  forbiddenKnown: () => known.from("secrets").select(),
  schema: () => client.schema("other").from("items").select(),
  schemaRpc: () => client.schema("other").rpc("where_am_i"),
  insert: () => items().insert({ id: 1, name: "one" }),
  insertMany: () => items().insert([{ id: 2, name: "two" }, { id: 3 }]).select("id,name"),
  insertDefaults: () => items().insert([{ id: 4 }, { id: 5, name: "five" }], { defaultToNull: false, count: "exact" }).select("name"),
  insertSingle: () => items().insert({ id: 6 }).select("id").single(),
  insertConflict: () => items().insert({ id: 1 }),
  upsert: () => items().upsert([{ id: 1, name: "uno" }, { id: 7, name: "seven" }]).select("name").order("id"),
  upsertIgnore: () => items().upsert({ id: 1, name: "ignored" }, { ignoreDuplicates: true }).select(),
  upsertOn: () => client.from("uniques").upsert({ id: 1, code: "a", n: 1 }, { onConflict: "code" }).select("n"),
  update: () => items().update({ note: "n" }, { count: "exact" }).lt("id", 3),
  updateSelect: () => items().update({ note: "m" }).eq("id", 1).select("id, note").single(),
  maxAffected: () => items().update({ note: "x" }).gt("id", 0).maxAffected(1),
  rollback: () => items().delete().gt("id", 0).select("id").rollback(),
  delete: () => items().delete({ count: "exact" }).eq("id", 7),
  deleteSelect: () => items().delete().in("id", [5, 6]).select("id").order("id", { ascending: false }),
  left: () => items().select("id").order("id"),
  rpc: () => client.rpc("add", { a: 1, b: 2 }),
  rpcGet: () => client.rpc("add", { a: 1, b: 3 }, { get: true }),
  rpcGetArray: () => client.rpc("length_of", { items: [1, 2, 3] }, { get: true }),
  rpcHead: () => client.rpc("best_films", {}, { head: true, count: "exact" }),
  rpcFilter: () => client.rpc("best_films", { lowest: 1 }, { count: "exact" }).select("id, directors(name)").gt("id", 4).order("id").limit(1),
  rpcSingle: () => client.rpc("one_film", { wanted: 5 }).select("title").single(),
  rpcVoid: () => client.rpc("nothing"),
  rpcMissing: () => client.rpc("best_film"),
  openApi: async () => {
    const { data, error, status } = await client.getOpenApiSpec();
    return { status, error, data: Object.keys(data.paths).length > 20 };
  },
};

const results = {};
for (const [name, call] of Object.entries(calls)) {
  const { data, error, count, status, thrown, code } = await call();
  results[name] = {
    status,
    data,
    count,
    error: error && { code: error.code, keys: Object.keys(error).sort(), hint: error.hint },
    thrown: thrown && [thrown, code],
  };
}
console.log(JSON.stringify({ results, unused: [...unused] }));
