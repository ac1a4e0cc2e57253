//! What a new API document breaks of an older one. CHANGELOG.md says in words what counts as breaking.

use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

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
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
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
            // Who leaves it out gets another value.
            if !old["default"].is_null() && old["default"] != new["default"] {
                self.breaks(at, format!("its default was {}", old["default"]));
            }
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
