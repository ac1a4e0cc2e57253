//! What `GET /v1/record_types` says to every caller, made once of the document's schemas.

use crate::http::records::metadata;
use cell_records_types::metadata::{FieldInfo, RecordTypeInfo, VerbInfo};
use std::collections::BTreeMap;
use std::mem;
use utoipa::openapi::{RefOr, Schema};

/// A record type as JSON text up to its fields and verbs, which say where a caller has them.
pub struct TypeText {
    /// The text, up to the value of the member `fields`. Behind that only `verbs` follows.
    pub text: String,
    /// The fields, of nobody yet.
    pub fields: Vec<FieldInfo>,
    /// The verbs, of nobody yet.
    pub verbs: Vec<VerbInfo>,
}

/// The record types that these schemas describe.
pub fn texts(components: &BTreeMap<String, RefOr<Schema>>) -> Vec<TypeText> {
    let text = |mut one: RecordTypeInfo| {
        let (fields, verbs) = (mem::take(&mut one.fields), mem::take(&mut one.verbs));
        let whole = serde_json::to_string(&one).unwrap_or_default();
        let text = whole.strip_suffix(r#"[],"verbs":[]}"#).map(str::to_owned).unwrap_or_default();
        TypeText { text, fields, verbs }
    };
    metadata::record_types(components).into_iter().map(text).collect()
}
