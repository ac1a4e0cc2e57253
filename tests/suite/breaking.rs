//! What a released client relies on is still there: the API document against the newest copy in `openapi/released`.
//! CHANGELOG.md says in words what counts as breaking.

use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Who reads a value: what the server takes must not get narrower, what it sends must not get less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Request,
    Response,
}

/// Two documents, and what the new one breaks of the old one.
struct Comparison<'d> {
    old: &'d Value,
    new: &'d Value,
    seen: HashSet<(String, String, Way)>,
    breaks: Vec<String>,
}

/// What the new document breaks, each as a sentence.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, seen: HashSet::new(), breaks: Vec::new() };
    comparison.documents();
    comparison.breaks
}

/// The members of an object; none where there is no object.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The texts of a list, or a single text.
fn texts(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter(|one| !one.is_null()).map(|one| one.as_str().map_or(one.to_string(), str::to_owned)).collect()
}

/// What a reference leads to.
fn followed<'d>(document: &'d Value, mut value: &'d Value) -> &'d Value {
    while let Some(to) = value.get("$ref").and_then(Value::as_str) {
        value = document.pointer(to.trim_start_matches('#')).unwrap_or(&Value::Null);
    }
    value
}

impl<'d> Comparison<'d> {
    fn breaks(&mut self, at: &str, what: impl AsRef<str>) {
        self.breaks.push(format!("{at}: {}", what.as_ref()));
    }

    fn documents(&mut self) {
        // Clients that were generated name their types after the schemas.
        for (name, _) in members(&self.old["components"]["schemas"]) {
            if self.new["components"]["schemas"].get(name).is_none() {
                self.breaks(name, "the schema is gone");
            }
        }
        for (path, item) in members(&self.old["paths"]) {
            for method in METHODS {
                let Some(old) = item.get(method) else { continue };
                let at = format!("{method} {path}");
                match self.new["paths"][path].get(method) {
                    Some(new) => self.operations(&at, old, new),
                    None => self.breaks(&at, "the operation is gone"),
                }
            }
        }
    }

    fn operations(&mut self, at: &str, old: &'d Value, new: &'d Value) {
        if old["operationId"] != new["operationId"] {
            self.breaks(at, format!("its operationId was {}", old["operationId"]));
        }
        self.parameters(at, old, new);
        self.bodies(at, &old["requestBody"], &new["requestBody"]);
        for (status, response) in members(&old["responses"]).filter(|(status, _)| status.starts_with(['2', '3'])) {
            let at = format!("{at} {status}");
            let Some(now) = new["responses"].get(status) else {
                self.breaks(&at, "the success is gone");
                continue;
            };
            let (response, now) = (followed(self.old, response), followed(self.new, now));
            for (name, _) in members(&response["headers"]).filter(|(name, _)| now["headers"].get(name).is_none()) {
                self.breaks(&at, format!("the header {name} is gone"));
            }
            self.contents(&at, &response["content"], &now["content"], Way::Response);
        }
    }

    fn parameters(&mut self, at: &str, old: &'d Value, new: &'d Value) {
        let of = |document: &'d Value, operation: &'d Value| -> Vec<&'d Value> {
            operation["parameters"].as_array().into_iter().flatten().map(|one| followed(document, one)).collect()
        };
        let (before, now) = (of(self.old, old), of(self.new, new));
        let same = |one: &Value, other: &Value| (&one["name"], &one["in"]) == (&other["name"], &other["in"]);
        for old in &before {
            let at = format!("{at} {}", old["name"]);
            match now.iter().find(|new| same(old, new)) {
                Some(new) => self.schemas(&at, &old["schema"], &new["schema"], Way::Request),
                None => self.breaks(&at, "the parameter is gone"),
            }
        }
        for new in now.iter().filter(|new| new["required"] == true) {
            if !before.iter().any(|old| same(old, new) && old["required"] == true) {
                self.breaks(at, format!("it needs the parameter {}", new["name"]));
            }
        }
    }

    fn bodies(&mut self, at: &str, old: &'d Value, new: &'d Value) {
        let (old, new) = (followed(self.old, old), followed(self.new, new));
        if new["required"] == true && old["required"] != true {
            self.breaks(at, "it needs a body");
        }
        self.contents(&format!("{at} body"), &old["content"], &new["content"], Way::Request);
    }

    fn contents(&mut self, at: &str, old: &'d Value, new: &'d Value, way: Way) {
        for (media, content) in members(old) {
            match new.get(media) {
                Some(now) => self.schemas(at, &content["schema"], &now["schema"], way),
                None => self.breaks(at, format!("{media} is gone")),
            }
        }
    }

    fn schemas(&mut self, at: &str, old: &'d Value, new: &'d Value, way: Way) {
        // A schema may contain itself, and is compared once.
        if let (Some(before), Some(now)) = (old["$ref"].as_str(), new["$ref"].as_str())
            && !self.seen.insert((before.to_owned(), now.to_owned(), way))
        {
            return;
        }
        let (old, new) = (followed(self.old, old), followed(self.new, new));
        self.types(at, &texts(&old["type"]), &texts(&new["type"]), way);
        self.codes(at, old, new, way);
        if way == Way::Request {
            self.bounds(at, old, new);
        }
        for part in ["allOf", "oneOf", "anyOf"] {
            self.variants(at, &old[part], &new[part], way);
        }
        self.properties(at, old, new, way);
        for part in ["items", "additionalProperties"] {
            if old[part].is_object() && new[part].is_object() {
                self.schemas(&format!("{at}[]"), &old[part], &new[part], way);
            }
        }
    }

    fn types(&mut self, at: &str, old: &BTreeSet<String>, new: &BTreeSet<String>, way: Way) {
        let fits = match way {
            // No type is any type.
            Way::Request => new.is_empty() || !old.is_empty() && old.is_subset(new),
            Way::Response => old.is_empty() || !new.is_empty() && new.is_subset(old),
        };
        if !fits {
            self.breaks(at, format!("its type was {old:?} and is {new:?}"));
        }
    }

    fn codes(&mut self, at: &str, old: &Value, new: &Value, way: Way) {
        let values = |schema: &Value| match schema.get("const") {
            Some(value) => texts(value),
            None => texts(&schema["enum"]),
        };
        let (old, new) = (values(old), values(new));
        if new.is_empty() {
            return;
        }
        for gone in old.difference(&new) {
            self.breaks(at, format!("the value {gone} is gone"));
        }
        if old.is_empty() && way == Way::Request {
            self.breaks(at, "it takes some values only");
        }
    }

    fn bounds(&mut self, at: &str, old: &Value, new: &Value) {
        for (name, sign) in [
            ("minimum", 1.0),
            ("minLength", 1.0),
            ("minItems", 1.0),
            ("maximum", -1.0),
            ("maxLength", -1.0),
            ("maxItems", -1.0),
        ] {
            let bound = |schema: &Value| schema[name].as_f64().map_or(f64::NEG_INFINITY, |bound| bound * sign);
            if bound(new) > bound(old) {
                self.breaks(at, format!("its {name} is {}", new[name]));
            }
        }
    }

    /// The alternatives of a schema, by the name of their schema where they have one, else by their place.
    fn variants(&mut self, at: &str, old: &'d Value, new: &'d Value, way: Way) {
        let named = |list: &'d Value| -> Vec<(String, &'d Value)> {
            let list = list.as_array().into_iter().flatten().enumerate();
            list.map(|(place, one)| (one["$ref"].as_str().map_or(place.to_string(), str::to_owned), one)).collect()
        };
        let now = named(new);
        for (name, old) in named(old) {
            match now.iter().find(|(one, _)| *one == name) {
                Some((_, new)) => self.schemas(at, old, new, way),
                None => self.breaks(at, format!("the variant {name} is gone")),
            }
        }
    }

    fn properties(&mut self, at: &str, old: &'d Value, new: &'d Value, way: Way) {
        for (name, schema) in members(&old["properties"]) {
            match new["properties"].get(name) {
                Some(now) => self.schemas(&format!("{at}.{name}"), schema, now, way),
                None => self.breaks(at, format!("the property {name} is gone")),
            }
        }
        let (before, now) = (texts(&old["required"]), texts(&new["required"]));
        match way {
            Way::Request => {
                for name in now.difference(&before) {
                    self.breaks(at, format!("it needs the property {name}"));
                }
            }
            Way::Response => {
                for name in before.difference(&now).filter(|name| new["properties"].get(name).is_some()) {
                    self.breaks(at, format!("the property {name} may be absent"));
                }
            }
        }
    }
}

/// The newest released document; nothing before the first release.
fn released() -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/released");
    let version = |path: &Path| -> Option<Vec<u32>> {
        path.file_stem()?.to_str()?.split('.').map(|part| part.parse().ok()).collect()
    };
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let newest = files.max_by_key(|path| version(path).unwrap_or_else(|| panic!("{path:?} is no version")))?;
    Some(serde_json::from_str(&std::fs::read_to_string(newest).unwrap()).unwrap())
}

fn document() -> Value {
    serde_json::from_str(&cell_records_server::document().text).unwrap()
}

#[test]
fn the_document_keeps_what_the_last_release_promised() {
    let broken = released().map_or_else(Vec::new, |released| breaks(&released, &document()));
    assert!(broken.is_empty(), "released clients rely on this:\n{}", broken.join("\n"));
}

#[test]
fn a_document_breaks_nothing_of_itself() {
    let document = document();
    assert_eq!(breaks(&document, &document), [""; 0]);
}

/// A document of one collection.
fn small() -> Value {
    json!({
        "paths": {"/v1/cats": {
            "get": {
                "operationId": "list_cats",
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 500}},
                    {"name": "colour", "in": "query", "schema": {"type": "string", "enum": ["black", "white"]}},
                ],
                "responses": {"200": {
                    "headers": {"Link": {}},
                    "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Cat"}}}},
                }, "304": {}},
            },
            "post": {
                "operationId": "create_cat",
                "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CatCreate"}}}},
                "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}}}},
            },
        }},
        "components": {"schemas": {
            "Cat": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "mood": {"type": "string", "enum": ["calm", "wild"]},
                "mother": {"$ref": "#/components/schemas/Cat"},
                "food": {"oneOf": [{"$ref": "#/components/schemas/Fish"}]},
            }},
            "Fish": {"type": "object"},
            "CatCreate": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "maxLength": 100}, "age": {"type": ["integer", "null"]},
            }},
        }},
    })
}

#[test]
fn each_kind_of_breaking_change_is_found() {
    const GET: &str = "/paths/~1v1~1cats/get";
    const POST: &str = "/paths/~1v1~1cats/post";
    const CAT: &str = "/components/schemas/Cat";
    const CREATE: &str = "/components/schemas/CatCreate";
    // Where, what stands there then (null: it is gone), and what is said of it.
    let changes = [
        ("/paths/~1v1~1cats".to_owned(), Value::Null, "the operation is gone"),
        (POST.to_owned(), Value::Null, "the operation is gone"),
        (format!("{GET}/operationId"), json!("cats"), "its operationId was \"list_cats\""),
        (format!("{GET}/parameters/0/name"), json!("most"), "the parameter is gone"),
        (format!("{GET}/parameters/0/required"), json!(true), "it needs the parameter \"limit\""),
        (format!("{GET}/parameters/0/schema/maximum"), json!(100), "its maximum is 100"),
        (format!("{GET}/parameters/1/schema/enum"), json!(["black"]), "the value white is gone"),
        (format!("{GET}/responses/200"), Value::Null, "the success is gone"),
        (format!("{GET}/responses/200/headers/Link"), Value::Null, "the header Link is gone"),
        (format!("{GET}/responses/200/content/application~1json"), Value::Null, "application/json is gone"),
        (format!("{CAT}/properties/name"), Value::Null, "the property name is gone"),
        (format!("{CAT}/properties/name/type"), json!("integer"), "its type was"),
        (format!("{CAT}/properties/name/type"), json!(["string", "null"]), "its type was"),
        (format!("{CAT}/properties/mood/enum"), json!(["calm"]), "the value wild is gone"),
        (format!("{CAT}/properties/food/oneOf"), json!([]), "the variant #/components/schemas/Fish is gone"),
        (format!("{CAT}/required"), json!([]), "the property name may be absent"),
        (format!("{CREATE}/required"), json!(["name", "age"]), "it needs the property age"),
        (format!("{CREATE}/properties/age"), Value::Null, "the property age is gone"),
        (format!("{CREATE}/properties/age/type"), json!("integer"), "its type was"),
        (format!("{CREATE}/properties/age/enum"), json!([1, 2]), "it takes some values only"),
        (CREATE.to_owned(), Value::Null, "the schema is gone"),
    ];
    for (pointer, value, said) in changes {
        let mut new = small();
        put(&mut new, &pointer, value.clone());
        let found = breaks(&small(), &new);
        assert!(found.iter().any(|one| one.contains(said)), "{pointer} = {value}: {found:?}");
    }
}

#[test]
fn what_only_adds_breaks_nothing() {
    for (pointer, value) in [
        ("/paths/~1v1~1dogs", json!({"get": {"operationId": "list_dogs"}})),
        ("/paths/~1v1~1cats/get/parameters/1/schema/enum", json!(["black", "white", "grey"])),
        ("/paths/~1v1~1cats/get/parameters/0/schema/maximum", json!(1000)),
        ("/components/schemas/Cat/properties/mood/enum", json!(["calm", "wild", "asleep"])),
        ("/components/schemas/Cat/properties/age", json!({"type": "integer"})),
        ("/components/schemas/Cat/required", json!(["name", "mood"])),
        ("/components/schemas/CatCreate/properties/mood", json!({"type": "string"})),
        ("/components/schemas/CatCreate/required", json!([])),
        ("/paths/~1v1~1cats/post/responses/200", json!({})),
    ] {
        let mut new = small();
        put(&mut new, pointer, value.clone());
        assert_eq!(breaks(&small(), &new), [""; 0], "{pointer} = {value}");
    }
}

/// Puts a value at a pointer; null takes away what is there.
fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/");
    let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => parent.remove(&name),
        value => parent.insert(name, value),
    };
}
