//! What `GET /v1/record_types` says to every caller, made once of the document's schemas.

use crate::http::records::metadata;
use crate::store::secrets;
use cell_records_types::metadata::RecordTypeInfo;
use std::collections::BTreeMap;
use utoipa::openapi::{RefOr, Schema};

/// The record types as JSON text: of each what is the same for every caller, up to the place of the caller's rights.
pub struct TypeTexts {
    /// A text a type.
    pub texts: Vec<String>,
    /// Of all of them.
    pub digest: String,
}

impl TypeTexts {
    /// Of the types that these schemas describe.
    pub fn new(components: &BTreeMap<String, RefOr<Schema>>) -> Self {
        let text = |one: &RecordTypeInfo| {
            let whole = serde_json::to_string(one).unwrap_or_default();
            // The rights come last, and are empty here.
            whole.strip_suffix("[]}").map(str::to_owned).unwrap_or_default()
        };
        let texts: Vec<String> = metadata::record_types(components).iter().map(text).collect();
        let digest = secrets::digest(texts.concat().as_bytes());
        TypeTexts { texts, digest }
    }
}
