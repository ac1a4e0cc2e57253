//! `term`: a committee's term (docs/DOMAIN.md, Terms).

use crate::{Date, Text, codes, record};

codes! {
    /// How a term's number is counted after a reorganisation.
    pub open enum OrdinalBasis = "ordinal_basis" {
        Continued = "continued" "Tiếp nối" "Continued";
        New = "new" "Tính mới" "New";
        Sum = "sum" "Cộng dồn" "Sum";
    }
}

pub(crate) const CODE_LISTS: [crate::CodeList; 1] = [OrdinalBasis::LIST];

record! {
    /// A committee's term, from one congress to the next.
    Term, NewTerm, TermPatch = "term" in "terms", Internal, downward: false {
        required {
            /// Label, such as `2010–2015`.
            label: Text,
            /// First day.
            from: Date,
        }
        optional {
            /// First day that no longer counts; absent while it runs.
            to: Date,
            /// Number of the congress.
            ordinal: i32,
            /// How the number is counted.
            ordinal_basis: OrdinalBasis,
        }
        managed {}
    }
}
