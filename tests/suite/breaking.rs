//! What a released client relies on is still there: the API document against the newest copy in `openapi/released`.

use crate::support::breaks::breaks;
use serde_json::{Value, json};
use std::path::Path;

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
    serde_json::from_str(cell_records_server::document().text()).unwrap()
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
                "tail": {"type": "boolean", "default": true},
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
        (format!("{CREATE}/properties/tail/default"), json!(false), "its default was true"),
        (format!("{CREATE}/properties/tail/default"), Value::Null, "its default was true"),
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
