//! Parameters of a query: each is taken by name; what is left over, sent twice or badly formed is refused by name, all
//! of it at once.

use crate::error::{ApiError, ApiResult};
use crate::phrases;
use actix_web::HttpRequest;
use actix_web::web::Query;
use cell_records_types::phrases::{Phrase, Words};
use std::borrow::Cow;
use std::str::FromStr;

/// The parameters of a request that nobody took yet, and the faults of those that were.
///
/// A parameter with a fault reads as if it were absent; [`Params::end`] must be asked before anything is done with
/// what was read.
#[derive(Debug, Clone)]
pub struct Params {
    left: Vec<(String, String)>,
    known: Vec<Cow<'static, str>>,
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

/// What a request sent.
///
/// # Errors
/// `400` when the query cannot be read.
pub fn sent(request: &HttpRequest) -> ApiResult<Vec<(String, String)>> {
    let read = Query::<Vec<(String, String)>>::from_query(request.query_string());
    Ok(read.map_err(|_| ApiError::parameter("query", &phrases::QUERY_UNREADABLE))?.into_inner())
}

impl Params {
    /// The parameters of a request.
    ///
    /// # Errors
    /// `400` when the query cannot be read.
    pub fn of(request: &HttpRequest) -> ApiResult<Self> {
        Ok(Params::new(sent(request)?))
    }

    /// These parameters.
    pub fn new(sent: Vec<(String, String)>) -> Self {
        let mut params = Params { left: Vec::with_capacity(sent.len()), known: Vec::new(), faults: Vec::new() };
        for (name, value) in sent {
            // No stored text has them, and PostgreSQL takes no NUL in any.
            if value.chars().any(char::is_control) {
                params.fault(&name, &phrases::CONTROL_CHARACTERS);
                params.known.push(name.into());
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
    pub fn take(&mut self, name: impl Into<Cow<'static, str>>) -> Option<String> {
        let name = name.into();
        let text = self.next(&name);
        let mut is_repeated = false;
        while text.is_some() && self.next(&name).is_some() {
            is_repeated = true;
        }
        if is_repeated {
            self.fault(&name, &phrases::GIVEN_TWICE);
        }
        self.known.push(name);
        text
    }

    /// The text of a parameter that holds a list, comma separated: it may be sent once for each value.
    pub fn take_list(&mut self, name: impl Into<Cow<'static, str>>) -> Option<String> {
        let name = name.into();
        let mut text = self.next(&name);
        while let (Some(text), Some(more)) = (&mut text, self.next(&name)) {
            text.push(',');
            text.push_str(&more);
        }
        self.known.push(name);
        text
    }

    /// The first text that is left under a name.
    fn next(&mut self, name: &str) -> Option<String> {
        let index = self.left.iter().position(|(one, _)| one == name)?;
        Some(self.left.remove(index).1)
    }

    /// What `find` knows of the names that are left, each name once.
    pub fn find<T>(&self, find: impl Fn(&str) -> Option<T>) -> Vec<(String, T)> {
        let mut found: Vec<(String, T)> = Vec::new();
        for (name, _) in &self.left {
            if let Some(known) = find(name)
                && !found.iter().any(|(one, _)| one == name)
            {
                found.push((name.clone(), known));
            }
        }
        found
    }

    /// Names further parameters that there are, where one is to be refused that there is not.
    pub fn know<N: Into<Cow<'static, str>>>(&mut self, names: impl IntoIterator<Item = N>) {
        if !self.left.is_empty() {
            self.known.extend(names.into_iter().map(Into::into));
        }
    }

    /// A parameter as `read` understands it, which else says what is valid.
    pub fn read<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, Words>) -> Option<T> {
        let value = read(&self.take(name)?);
        value.map_err(|why| self.fault(name, why)).ok()
    }

    /// The same of a parameter that holds a list.
    pub fn read_list<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, Words>) -> Option<T> {
        let value = read(&self.take_list(name)?);
        value.map_err(|why| self.fault(name, why)).ok()
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
    pub fn parsed<T: FromStr>(&mut self, name: &'static str, why: &'static Phrase) -> Option<T> {
        self.read(name, |text| text.parse().map_err(|_| why.into()))
    }

    /// A whole number between bounds.
    pub fn number(&mut self, name: &'static str, low: i64, high: i64) -> Option<i64> {
        self.read(name, |text| {
            let number = text.parse().ok().filter(|number| (low..=high).contains(number));
            number.ok_or_else(|| phrases::NUMBER_BETWEEN.with(low).with(high))
        })
    }

    /// One of some words.
    pub fn word(&mut self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        self.read(name, |text| {
            let word = words.iter().find(|word| **word == text).copied();
            word.ok_or_else(|| phrases::MUST_BE.of(Words::one_of(words.iter().map(Words::plain))))
        })
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&mut self, name: &'static str) -> bool {
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
        let mut params = params(&[("limit", "9"), ("flag", "true"), ("types", "a"), ("types", "b,c")]);
        assert_eq!(params.take_list("types").as_deref(), Some("a,b,c"));
        assert_eq!((params.number("limit", 1, 9), params.flag("flag"), params.flag("other")), (Some(9), true, false));
        params.end().unwrap();
    }
}
