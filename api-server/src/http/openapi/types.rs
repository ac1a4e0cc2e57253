//! What `GET /v1/record_types` says to every caller, made once of the document's schemas.

use crate::http::records::metadata;
use cell_records_types::metadata::{FieldInfo, RecordTypeInfo, VerbInfo};
use std::collections::BTreeMap;
use std::mem;
use utoipa::openapi::{RefOr, Schema};

/// A record type: as text what is the same for every caller, and what says where a caller may use it.
pub struct TypeText {
    /// The JSON object without `fields` and `verbs`, and without the brace at its end.
    pub text: String,
    /// The fields; `readable_in` and `writable_in` are empty.
    pub fields: Vec<FieldInfo>,
    /// The verbs; `allowed_in` is empty.
    pub verbs: Vec<VerbInfo>,
}

/// The record types that these schemas describe.
pub fn texts(components: &BTreeMap<String, RefOr<Schema>>) -> Vec<TypeText> {
    let text = |mut one: RecordTypeInfo| {
        let (fields, verbs) = (mem::take(&mut one.fields), mem::take(&mut one.verbs));
        let mut rest = serde_json::to_value(&one).unwrap_or_default();
        for name in ["fields", "verbs"] {
            rest.as_object_mut().and_then(|rest| rest.remove(name));
        }
        let mut text = rest.to_string();
        // The brace at its end.
        text.pop();
        TypeText { text, fields, verbs }
    };
    metadata::record_types(components).map(text).collect()
}
