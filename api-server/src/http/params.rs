//! Parameters of a query: each is taken by name; what is left over, sent twice or badly formed is refused by name.

use crate::error::{ApiError, ApiResult};
use actix_web::HttpRequest;
use actix_web::web::Query;
use std::collections::HashSet;
use std::str::FromStr;

/// The parameters of a request that nobody took yet.
#[derive(Debug, Clone)]
pub struct Params {
    left: Vec<(String, String)>,
    known: Vec<String>,
}

impl Params {
    /// The parameters of a request.
    ///
    /// # Errors
    /// `400` when the query cannot be read or names a parameter twice.
    pub fn of(request: &HttpRequest) -> ApiResult<Self> {
        let read = Query::<Vec<(String, String)>>::from_query(request.query_string());
        Params::new(read.map_err(|_| ApiError::parameter("query", "the query cannot be read"))?.into_inner())
    }

    /// These parameters.
    ///
    /// # Errors
    /// `400` when one is named twice or holds control characters.
    pub fn new(left: Vec<(String, String)>) -> ApiResult<Self> {
        let mut names = HashSet::with_capacity(left.len());
        for (name, value) in &left {
            if !names.insert(name) {
                return Err(ApiError::parameter(name, "given twice"));
            }
            // No stored text has them, and PostgreSQL takes no NUL in any.
            if value.chars().any(char::is_control) {
                return Err(ApiError::parameter(name, "must not contain control characters"));
            }
        }
        Ok(Params { left, known: Vec::new() })
    }

    /// A parameter's text.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.known.push(name.to_owned());
        let index = self.left.iter().position(|(one, _)| one == name)?;
        Some(self.left.swap_remove(index).1)
    }

    /// A parameter of a type; `what` names what is valid.
    ///
    /// # Errors
    /// `400` when it has no valid value.
    pub fn parsed<T: FromStr>(&mut self, name: &str, what: &str) -> ApiResult<Option<T>> {
        let Some(text) = self.take(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| ApiError::parameter(name, format!("must be {what}")))
    }

    /// A whole number between bounds.
    ///
    /// # Errors
    /// `400` when it has no valid value.
    pub fn number(&mut self, name: &str, low: i64, high: i64) -> ApiResult<Option<i64>> {
        let what = format!("a whole number from {low} to {high}");
        match self.parsed::<i64>(name, &what)? {
            Some(number) if !(low..=high).contains(&number) => {
                Err(ApiError::parameter(name, format!("must be {what}")))
            }
            number => Ok(number),
        }
    }

    /// `true` or `false`; absent is `false`.
    ///
    /// # Errors
    /// `400` when it has no valid value.
    pub fn flag(&mut self, name: &str) -> ApiResult<bool> {
        Ok(self.parsed(name, "true or false")?.unwrap_or(false))
    }

    /// Refuses what nobody took.
    ///
    /// # Errors
    /// `400` naming it and the parameters that there are.
    pub fn end(self) -> ApiResult<()> {
        let Some((name, _)) = self.left.first() else { return Ok(()) };
        let mut known = self.known;
        known.sort();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(ApiError::parameter(name, format!("unknown here; known: {known}")))
    }
}
