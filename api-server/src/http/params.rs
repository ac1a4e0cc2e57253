//! Parameters of a query: each is taken by name; what is left over, sent twice or badly formed is refused by name, all
//! of it at once.

use crate::error::{ApiError, ApiResult};
use crate::phrases;
use actix_web::HttpRequest;
use actix_web::web::Query;
use cell_records_types::phrases::{Phrase, Words};
use std::collections::HashSet;
use std::str::FromStr;

/// The parameters of a request that nobody took yet, and the faults of those that were.
///
/// A parameter with a fault reads as if it were absent; [`Params::end`] must be asked before anything is done with
/// what was read.
#[derive(Debug, Clone)]
pub struct Params {
    left: Vec<(String, String)>,
    known: Vec<String>,
    faults: Vec<(String, Words)>,
}

/// Why a parameter could not be read.
#[derive(Debug)]
pub enum Fault {
    /// It has no valid value: says what is valid.
    Value(Words),
    /// What it took to read it failed, such as the database.
    Call(ApiError),
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Fault::Call(error)
    }
}

impl Params {
    /// The parameters of a request.
    ///
    /// # Errors
    /// `400` when the query cannot be read.
    pub fn of(request: &HttpRequest) -> ApiResult<Self> {
        let read = Query::<Vec<(String, String)>>::from_query(request.query_string());
        let read = read.map_err(|_| ApiError::parameter("query", &phrases::QUERY_UNREADABLE))?;
        Ok(Params::new(read.into_inner()))
    }

    /// These parameters.
    pub fn new(sent: Vec<(String, String)>) -> Self {
        let mut params = Params { left: Vec::with_capacity(sent.len()), known: Vec::new(), faults: Vec::new() };
        let mut names = HashSet::with_capacity(sent.len());
        for (name, value) in sent {
            if !names.insert(name.clone()) {
                params.fault(&name, &phrases::GIVEN_TWICE);
            // No stored text has them, and PostgreSQL takes no NUL in any.
            } else if value.chars().any(char::is_control) {
                params.fault(&name, &phrases::CONTROL_CHARACTERS);
                params.known.push(name);
            } else {
                params.left.push((name, value));
            }
        }
        params
    }

    /// Notes that a parameter has no valid value; `why` names the valid ones.
    pub fn fault(&mut self, name: &str, why: impl Into<Words>) {
        self.faults.push((name.to_owned(), why.into()));
    }

    /// A parameter's text.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.known.push(name.to_owned());
        let index = self.left.iter().position(|(one, _)| one == name)?;
        Some(self.left.swap_remove(index).1)
    }

    /// A parameter as `read` understands it, which else says what is valid.
    pub fn read<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, Words>) -> Option<T> {
        match read(&self.take(name)?) {
            Ok(value) => Some(value),
            Err(why) => {
                self.fault(name, why);
                None
            }
        }
    }

    /// The value of a parameter that was taken, where it took more than its text to read it.
    ///
    /// # Errors
    /// What failed besides.
    pub fn checked<T>(&mut self, name: &str, value: Result<T, Fault>) -> ApiResult<Option<T>> {
        match value {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Value(why)) => {
                self.fault(name, why);
                Ok(None)
            }
            Err(Fault::Call(error)) => Err(error),
        }
    }

    /// A parameter of a type; `why` says what is valid.
    pub fn parsed<T: FromStr>(&mut self, name: &str, why: &'static Phrase) -> Option<T> {
        self.read(name, |text| text.parse().map_err(|_| why.into()))
    }

    /// A whole number between bounds.
    pub fn number(&mut self, name: &str, low: i64, high: i64) -> Option<i64> {
        self.read(name, |text| {
            let number = text.parse().ok().filter(|number| (low..=high).contains(number));
            number.ok_or_else(|| phrases::NUMBER_BETWEEN.with(low).with(high))
        })
    }

    /// One of some words.
    pub fn word(&mut self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        self.read(name, |text| {
            let word = words.iter().find(|word| **word == text).copied();
            word.ok_or_else(|| phrases::ONE_OF.with(words.join(", ")))
        })
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&mut self, name: &str) -> bool {
        self.parsed(name, &phrases::BOOLEAN).unwrap_or(false)
    }

    /// Refuses what has a fault and what nobody took.
    ///
    /// # Errors
    /// `400` naming all of it, with the parameters that there are.
    pub fn end(mut self) -> ApiResult<()> {
        self.known.sort();
        self.known.dedup();
        let why = match self.known.as_slice() {
            [] => Words::from(&phrases::UNKNOWN_OF_NONE),
            known => phrases::UNKNOWN.with(known.join(", ")),
        };
        for (name, _) in &self.left {
            self.faults.push((name.clone(), why.clone()));
        }
        ApiError::parameters(self.faults).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(sent: &[(&str, &str)]) -> Params {
        Params::new(sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let mut params =
            params(&[("limit", "abc"), ("sort", "zzz"), ("wait", "1"), ("wait", "2"), ("q", "\0"), ("x", "")]);
        assert_eq!(params.number("limit", 1, 9), None);
        assert_eq!(params.word("sort", &["id", "name"]), None);
        assert_eq!(params.number("wait", 0, 9), Some(1));
        assert_eq!(params.take("q"), None);
        let mut named: Vec<String> = params.end().unwrap_err().named.into_iter().map(|(name, _)| name).collect();
        named.sort();
        assert_eq!(named, ["limit", "q", "sort", "wait", "x"]);
    }

    #[test]
    fn what_is_valid_has_no_faults() {
        let mut params = params(&[("limit", "9"), ("flag", "true")]);
        assert_eq!((params.number("limit", 1, 9), params.flag("flag"), params.flag("other")), (Some(9), true, false));
        params.end().unwrap();
    }
}
