//! `term`: a committee's term (docs/DOMAIN.md, Terms).

use crate::{Date, Text, codes, filters, record};

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
    Term, TermCreate, TermUpdate = "term" in "terms", "Nhiệm kỳ" "Term" "Terms",
    Internal, downward: false, display: [label] {
        required {
            /// Label, such as `2010–2015`.
            label: Text, "Tên nhiệm kỳ" "Label",
            /// First day.
            from: Date, "Bắt đầu từ ngày" "From",
        }
        optional {
            /// First day that no longer counts; absent while it runs.
            to: Date, "Kết thúc trước ngày" "Until",
            /// Number of the congress.
            ordinal: i32, "Đại hội lần thứ" "Number of the congress",
            /// How the number is counted.
            ordinal_basis: OrdinalBasis, "Cách tính lần thứ đại hội" "How the number is counted",
        }
        managed {}
        groups {
            term "Nhiệm kỳ" "Term": label, from, to, ordinal, ordinal_basis;
        }
        sample {
            create: { "unit_id": "ext:demo:cell-01", "label": "2010–2011", "from": "2010-01-01", "to": "2011-01-01" },
            change: { "label": "Nhiệm kỳ 2010–2011" },
            distinct: [from, to],
        }
    }
}

filters! {
    TermFilter of Term {
        /// Running on this day.
        at: Option<Date>,
    }
}
