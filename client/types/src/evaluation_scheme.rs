//! `evaluation_scheme`: levels, criteria and cap of an evaluation, valid for a time (docs/DOMAIN.md, Evaluations).

use crate::faults::Report;
use crate::fields::{Field, integer};
use crate::{Date, Decimal, List, Text, codes, form, object, record};
use serde::{Deserialize, Serialize};

codes! {
    /// What a scheme evaluates.
    pub open enum SubjectKind = "subject_kind" {
        Member = "member" "Đảng viên" "Member";
        Cell = "cell" "Chi bộ" "Cell";
        CommitteeCollective = "committee_collective" "Tập thể cấp ủy" "Committee collective";
        Cadre = "cadre" "Cán bộ" "Cadre";
    }
}

codes! {
    /// How a criterion is judged.
    pub open enum CriterionKind = "criterion_kind" {
        Quantitative = "quantitative" "Định lượng" "Quantitative";
        Qualitative = "qualitative" "Định tính" "Qualitative";
    }
}

codes! {
    /// What a cap is a share of.
    pub open enum CapBase = "cap_base" {
        GoodOrBetter = "good_or_better" "Từ hoàn thành tốt trở lên" "Good or better";
        AllEvaluated = "all_evaluated" "Tổng số được đánh giá" "All evaluated";
    }
}

codes! {
    /// How a cap's number is rounded.
    pub open enum Rounding = "rounding" {
        Floor = "floor" "Làm tròn xuống" "Down";
    }
}

form! {
    /// A code inside a scheme.
    pub struct SchemeCode = &crate::phrases::SCHEME_CODE, "^[a-z0-9_]{1,40}$", "excellent",
    |text| (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
}

/// A share in percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Percent(pub i32);

impl Field for Percent {
    fn check(value: &mut serde_json::Value, report: &mut Report) {
        integer(value, 0, 100, report);
    }
}

object! {
    /// A level of a scheme.
    pub struct Level {
        required {
            /// Its code, unique in the scheme.
            code: SchemeCode,
            /// Vietnamese label.
            label_vi: Text<100>,
            /// English label.
            label_en: Text<100>,
            /// 1 is the best.
            rank: i32,
        }
        optional {
            /// Whether it counts toward the cap.
            counts_toward_cap: bool,
        }
    }
}

object! {
    /// A criterion of a scheme.
    pub struct Criterion {
        required {
            /// Its code, unique in the scheme.
            code: SchemeCode,
            /// What is judged.
            text: Text<1000>,
            /// Most points.
            max_points: Decimal,
        }
        optional {
            /// The group that it belongs to.
            group: Text<100>,
            /// How it is judged.
            kind: CriterionKind,
        }
    }
}

object! {
    /// The points from which a level is reached.
    pub struct Threshold {
        required {
            /// Code of the level.
            level: SchemeCode,
            /// Fewest points.
            min_points: Decimal,
        }
        optional {}
    }
}

object! {
    /// How many may be in the levels that count toward the cap.
    pub struct Cap {
        required {
            /// Share in percent.
            percent: Percent,
            /// What it is a share of.
            base: CapBase,
        }
        optional {
            /// How the number is rounded; down.
            rounding: Rounding,
        }
    }
}

record! {
    /// Levels, criteria and cap of an evaluation, valid for a time.
    /// Once a round beyond `draft` uses it, only `valid_to` and labels change.
    EvaluationScheme, EvaluationSchemeCreate, EvaluationSchemeUpdate = "evaluation_scheme" in "evaluation_schemes", Internal, downward: true {
        required {
            /// Name.
            name: Text,
            /// What it evaluates.
            subject_kind: SubjectKind,
            /// First day.
            valid_from: Date,
            /// Levels, best first, at most 20.
            levels: List<Level, 20>,
        }
        optional {
            /// First day that no longer counts.
            valid_to: Date,
            /// The rule that it comes from.
            legal_source: Text,
            /// Criteria, at most 200.
            criteria: List<Criterion, 200>,
            /// Points from which levels are reached, at most 20.
            thresholds: List<Threshold, 20>,
            /// How many may be in the capped levels.
            cap: Cap,
        }
        managed {}
        sample {
            create: {
                "unit_id": "ext:demo:ward", "name": "Xếp loại đảng viên", "subject_kind": "member", "valid_from": "2015-01-01",
                "levels": [
                    {"code": "excellent", "label_vi": "Hoàn thành xuất sắc nhiệm vụ", "label_en": "Excellent", "rank": 1},
                    {"code": "good", "label_vi": "Hoàn thành tốt nhiệm vụ", "label_en": "Good", "rank": 2},
                ],
            },
            change: { "legal_source": "27-HD/BTCTW" },
        }
    }
}
