//! `term`: a committee's term (docs/DOMAIN.md, Terms).

use crate::{Date, Text, codes, record};

codes! {
    /// How a term's number is counted after a reorganisation.
    pub open enum OrdinalBasis = "ordinal_basis" {
        Continued = "continued" "Tiếp nối" "Continued";
        New = "new" "Tính lại từ đầu" "New";
        Sum = "sum" "Cộng dồn" "Sum";
    }
}

record! {
    /// A committee's term, from one congress to the next.
    Term, TermCreate, TermUpdate = "term" in "terms", Internal, downward: false {
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
        sample {
            create: { "unit_id": "ext:demo:cell-01", "label": "2010–2011", "from": "2010-01-01", "to": "2011-01-01" },
            change: { "label": "Nhiệm kỳ 2010–2011" },
            distinct: [from, to],
        }
    }
}
