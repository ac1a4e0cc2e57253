//! The filters of lists, typed: what the list of one record type takes besides what every list takes. [`filters!`]
//! declares them, beside the type.
//!
//! [`filters!`]: crate::filters!

use std::fmt::Display;

/// What the lists of a record type filter by.
pub trait Filtered {
    /// Its filters.
    type Filters: Filters;
}

/// The filters of one record type. Those that are empty are not asked.
pub trait Filters: Default + Into<crate::pages::ListQuery> {
    /// Names of the parameters.
    const NAMES: &'static [&'static str];

    /// The parameters that have a value.
    fn pairs(&self) -> Vec<(String, String)>;
}

/// The value of a filter.
pub trait FilterValue {
    /// The text of the parameter, when it has a value.
    fn text(&self) -> Option<String>;
}

impl<T: Display> FilterValue for Option<T> {
    fn text(&self) -> Option<String> {
        self.as_ref().map(ToString::to_string)
    }
}

/// One of several.
impl<T: Display> FilterValue for Vec<T> {
    fn text(&self) -> Option<String> {
        let values: Vec<String> = self.iter().map(ToString::to_string).collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}

/// Declares the filters of a record type: the fields of a struct, each named like its parameter. They are those that the
/// server's slice of the type has; a test of the server compares their names.
#[macro_export]
macro_rules! filters {
    ($name:ident of $record:ident { $($(#[$meta:meta])* $filter:ident: $type:ty,)* }) => {
        #[doc = concat!("What a list of [`", stringify!($record), "`]s can be filtered by; what is empty is not asked.")]
        ///
        /// It becomes a [`ListQuery`](crate::pages::ListQuery), which takes the rest:
        /// `ListQuery { limit: Some(100), ..filter.into() }`.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name { $($(#[$meta])* pub $filter: $type,)* }

        impl $crate::filters::Filters for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($filter)),*];

            fn pairs(&self) -> Vec<(String, String)> {
                let texts = [$($crate::filters::FilterValue::text(&self.$filter)),*];
                let named = Self::NAMES.iter().zip(texts);
                named.filter_map(|(name, text)| Some(((*name).to_owned(), text?))).collect()
            }
        }

        impl $crate::filters::Filtered for $record {
            type Filters = $name;
        }

        impl From<$name> for $crate::pages::ListQuery {
            fn from(filters: $name) -> Self {
                let filters = $crate::filters::Filters::pairs(&filters);
                $crate::pages::ListQuery { filters, ..Default::default() }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::pages::ListQuery;
    use crate::{MemberFilter, MemberStatus, Ref, Unit, UnitFilter};

    #[test]
    fn filters_become_the_parameters_of_a_list() {
        let status = vec![MemberStatus::Official, MemberStatus::Probationary];
        let query = ListQuery { limit: Some(9), ..MemberFilter { status, ..MemberFilter::default() }.into() };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(query.pairs(), [pair("status", "official,probationary"), pair("limit", "9")]);
        let above: Option<Ref<Unit>> = Some(Ref::external("demo", "ward"));
        let query: ListQuery = UnitFilter { parent_id: above, ..UnitFilter::default() }.into();
        assert_eq!(query.pairs(), [pair("parent_id", "ext:demo:ward")]);
        assert_eq!(ListQuery::from(MemberFilter::default()), ListQuery::default());
    }
}
