//! `evaluation_scheme`: levels, criteria and cap of an evaluation, valid for a time (docs/DOMAIN.md, Evaluations).

use crate::fields::Choice;
use crate::{Date, Decimal, List, Text, codes, filters, form, object, record, whole_number};

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
    pub struct SchemeCode = &crate::phrases::SCHEME_CODE, "^[a-z0-9_]{1,40}$", "excellent", |text| is_code(text);
}

form! {
    /// The code of a level of the scheme.
    pub struct LevelCode = &crate::phrases::SCHEME_CODE, "^[a-z0-9_]{1,40}$", "excellent", of &LEVELS, |text| is_code(text);
}

const LEVELS: Choice =
    Choice { of: "evaluation_scheme", list: "levels", code: "code", label_vi: "label_vi", label_en: "label_en" };

fn is_code(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=40).contains(&text.len()) && text.bytes().all(fits)
}

whole_number! {
    /// A share in percent, 0 to 100.
    pub struct Percent = 0..=100;
}

object! {
    /// A level of a scheme.
    #[cfg_attr(feature = "openapi", schema(as = SchemeLevel))]
    pub struct Level {
        required {
            /// Its code, unique in the scheme.
            code: SchemeCode, "Mã mức xếp loại" "Code",
            /// Vietnamese label.
            label_vi: Text<100>, "Tên tiếng Việt" "Vietnamese label",
            /// English label.
            label_en: Text<100>, "Tên tiếng Anh" "English label",
            /// 1 is the best.
            rank: i32, "Thứ bậc" "Rank",
        }
        optional {
            /// Whether it counts toward the cap.
            counts_toward_cap: bool, "Tính vào tỷ lệ tối đa" "Counts toward the cap",
        }
    }
}

object! {
    /// A criterion of a scheme.
    pub struct Criterion {
        required {
            /// Its code, unique in the scheme.
            code: SchemeCode, "Mã tiêu chí" "Code",
            /// What is judged.
            text: Text<1000>, "Nội dung tiêu chí" "What is judged",
            /// Most points.
            max_points: Decimal, "Điểm tối đa" "Most points",
        }
        optional {
            /// The group that it belongs to.
            group: Text<100>, "Nhóm tiêu chí" "Group",
            /// How it is judged.
            kind: CriterionKind, "Cách đánh giá" "How it is judged",
        }
    }
}

object! {
    /// The points from which a level is reached.
    pub struct Threshold {
        required {
            /// Code of the level.
            level: LevelCode, "Mức xếp loại" "Level",
            /// Fewest points.
            min_points: Decimal, "Điểm tối thiểu" "Fewest points",
        }
        optional {}
    }
}

object! {
    /// How many may be in the levels that count toward the cap.
    pub struct Cap {
        required {
            /// Share in percent.
            percent: Percent, "Tỷ lệ phần trăm" "Percent",
            /// What it is a share of.
            base: CapBase, "Tính trên" "Share of what",
        }
        optional {
            /// How the number is rounded; down.
            rounding: Rounding, "Cách làm tròn" "Rounding",
        }
    }
}

record! {
    /// Levels, criteria and cap of an evaluation, valid for a time.
    /// Once a round beyond `draft`, or one with results, uses it, only `valid_to` and labels change.
    EvaluationScheme, EvaluationSchemeCreate, EvaluationSchemeUpdate = "evaluation_scheme" in "evaluation_schemes", "Bộ tiêu chí đánh giá" "Evaluation scheme" "Evaluation schemes",
    Internal, downward: true, display: [name] {
        required {
            /// Name.
            name: Text, "Tên bộ tiêu chí" "Name",
            /// What it evaluates.
            subject_kind: SubjectKind, "Đối tượng đánh giá" "What it evaluates",
            /// First day.
            valid_from: Date, "Có hiệu lực từ ngày" "Valid from",
            /// Levels, best first, at most 20.
            levels: List<Level, 20>, "Các mức xếp loại" "Levels",
        }
        optional {
            /// First day that no longer counts.
            valid_to: Date, "Hết hiệu lực từ ngày" "Valid until",
            /// The rule that it comes from.
            legal_source: Text, "Văn bản căn cứ" "Legal source",
            /// Criteria, at most 200.
            criteria: List<Criterion, 200>, "Các tiêu chí" "Criteria",
            /// Points from which levels are reached, at most 20.
            thresholds: List<Threshold, 20>, "Ngưỡng điểm xếp loại" "Thresholds",
            /// How many may be in the capped levels.
            cap: Cap, "Tỷ lệ tối đa" "Cap",
        }
        managed {}
        groups {
            general "Thông tin chung" "General": name, subject_kind, legal_source, valid_from, valid_to;
            rating "Tiêu chí, xếp loại" "Criteria and levels": levels, criteria, thresholds, cap;
        }
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

filters! {
    EvaluationSchemeFilter of EvaluationScheme {
        /// For one of these kinds of subjects.
        subject_kind: Vec<SubjectKind>,
        /// In force on this day.
        at: Option<Date>,
    }
}
