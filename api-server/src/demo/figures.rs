//! Every figure of the article, with its words. They are what was reported, so nothing is repaired: the cells' types
//! add up to 23 of 24, the levels of 2012 to 920 of 879.

use super::ids::{self, Of};
use super::random::day;
use super::units;
use cell_records_types::{Date, DatePrecision, Decimal, Measure, Places, Qualifier, ReportedFigureCreate};

/// Where the words are.
const SOURCE: &str = "Bài “Đảng bộ phường Hưng Bình (Nghệ An) nâng cao năng lực lãnh đạo”";

const CELLS: &str = "Đảng bộ phường có 24 chi bộ với 1.168 đảng viên, trong đó: 17 chi bộ khối dân cư, 3 chi bộ trường học, 1 chi bộ Công an và 2 chi bộ Công ty TNHH, HTX.";
const RESIDENCE: &str = "Đảng viên sinh hoạt nơi cư trú theo quy định 76 có 1.493 đồng chí.";
const MEMBERS_2012: &str = "Năm 2012, toàn Đảng bộ dự xếp loại 879 đồng chí, trong đó: HTXSNV có 119 đồng chí, HTTNV có 760 đồng chí, hoàn thành nhiệm vụ có 41 đồng chí, không có đảng viên vi phạm tư cách.";
const MEMBERS_2013: &str = "Năm 2013 dự xếp loại 937 đồng chí, trong đó: HTXSNV 137 đồng chí, HTTNV có 764 đồng chí, hoàn thành nhiệm vụ có 34 đồng chí, vi phạm tư cách có 2 đồng chí.";
const YEAR_2014: &str = "Năm 2014, có 23 chi bộ đạt TSVM, 1 chi bộ hoàn thành nhiệm vụ, không có chi bộ yếu kém, Đảng viên đủ tư cách hoàn thành xuất sắc nhiệm vụ có 132 đồng chí.";
const PLAN: &str = "có 31 lượt cán bộ được đưa vào quy hoạch, trong đó tỷ lệ cán bộ nữ chiếm 45,1%, cán bộ trẻ dưới 30 tuổi là 18,2%, cán bộ có trình độ ĐH, CĐ là 84%, trình độ chính trị trung cấp trở lên là 31%.";
const TRAINING: &str = "năm 2014 đã cử đi đào tạo trung cấp lý luận chính trị hành chính 3 đồng chí, sơ cấp chính trị 8 đồng chí, cử 23 quần chúng ưu tú đi học lớp bồi dưỡng nhận thức về Đảng, kết nạp được 8 đảng viên, tổ chức 172 lượt cán bộ đảng viên tham gia các lớp tập huấn nghiệp vụ.";
const GROWTH: &str = "Trong gần 3 năm Đảng ủy đã cử đi học lớp bồi dưỡng nhận thức về Đảng cho 74 quần chúng ưu tú; kết nạp được hơn 30 đảng viên.";
const DOCUMENTS: &str = "Trong gần 3 năm, Đảng ủy đã ban hành 33 nghị quyết (trong đó có 4 nghị quyết chuyên đề), 7 kế hoạch, 5 hướng dẫn, 17 quyết định, 16 thông báo trên các lĩnh vực kinh tế - xã hội, quốc phòng - an ninh, công tác xây dựng Đảng và các tổ chức trong hệ thống chính trị.";

/// When a figure holds.
#[derive(Clone, Copy)]
enum When {
    /// At some day of the year.
    AsOf(i16),
    /// At a day that nobody stated.
    Unknown,
    /// In a year.
    Year(i16),
    /// "Gần 3 năm": from Resolution 09-NQ/TU to the end of 2014.
    NearlyThreeYears,
}

impl When {
    fn period(self) -> Option<(Date, Date)> {
        match self {
            When::Year(year) => Some((day(year, 1, 1), day(year, 12, 31))),
            When::NearlyThreeYears => Some((day(2012, 3, 13), day(2014, 12, 31))),
            When::AsOf(_) | When::Unknown => None,
        }
    }

    fn as_of(self) -> Option<(Option<Date>, DatePrecision)> {
        match self {
            When::AsOf(year) => Some((Some(day(year, 12, 31)), DatePrecision::Year)),
            When::Unknown => Some((None, DatePrecision::NotKnown)),
            When::Year(_) | When::NearlyThreeYears => None,
        }
    }
}

/// Figures of one indicator, time and sentence: the total, where one is stated, and its parts.
struct Group {
    indicator: &'static str,
    when: When,
    measure: Measure,
    words: &'static str,
    /// Dimensions and value.
    values: &'static [(Dimensions, i32)],
}

type Dimensions = &'static [(&'static str, &'static [&'static str])];

const TERMS: Dimensions = &[("term", &["2010-2015", "2015-2020"])];

fn groups() -> Vec<Group> {
    use Measure::{Cell, Document, Entry, Person, Turn};
    let group = |indicator, when, measure, words, values| Group { indicator, when, measure, words, values };
    let year = When::Year(2014);
    vec![
        group("cells.total", When::AsOf(2014), Cell, CELLS, &[(&[], 24)]),
        group(
            "cells.by_type",
            When::AsOf(2014),
            Cell,
            CELLS,
            &[
                (&[("cell_type", &["residential"])], 17),
                (&[("cell_type", &["school"])], 3),
                (&[("cell_type", &["police"])], 1),
                (&[("cell_type", &["enterprise", "cooperative"])], 2),
            ],
        ),
        group("members.strength", When::Unknown, Person, CELLS, &[(&[], 1_168)]),
        group("residence_links.active", When::Unknown, Person, RESIDENCE, &[(&[], 1_493)]),
        group(
            "evaluation.members",
            When::Year(2012),
            Person,
            MEMBERS_2012,
            &[
                (&[], 879),
                (&[("level", &["excellent"])], 119),
                (&[("level", &["good"])], 760),
                (&[("level", &["completed"])], 41),
                (&[("level", &["violated_standing"])], 0),
            ],
        ),
        group(
            "evaluation.members",
            When::Year(2013),
            Person,
            MEMBERS_2013,
            &[
                (&[], 937),
                (&[("level", &["excellent"])], 137),
                (&[("level", &["good"])], 764),
                (&[("level", &["completed"])], 34),
                (&[("level", &["violated_standing"])], 2),
            ],
        ),
        group("evaluation.members", year, Person, YEAR_2014, &[(&[("level", &["excellent"])], 132)]),
        group(
            "evaluation.cells",
            year,
            Cell,
            YEAR_2014,
            &[
                (&[], 24),
                (&[("level", &["clean_strong"])], 23),
                (&[("level", &["completed"])], 1),
                (&[("level", &["weak"])], 0),
            ],
        ),
        group("cadre_plan.entries", When::Unknown, Entry, PLAN, &[(TERMS, 31)]),
        group(
            "training.persons_by_course_kind",
            year,
            Person,
            TRAINING,
            &[(&[("course_kind", &["political_intermediate"])], 3), (&[("course_kind", &["political_elementary"])], 8)],
        ),
        group("training.awareness_candidates", year, Person, TRAINING, &[(&[], 23)]),
        group("training.professional_turns", year, Turn, TRAINING, &[(&[], 172)]),
        group("admission.admitted", year, Person, TRAINING, &[(&[], 8)]),
        group("admission.admitted", When::NearlyThreeYears, Person, GROWTH, &[(&[], 30)]),
        group("training.awareness_candidates", When::NearlyThreeYears, Person, GROWTH, &[(&[], 74)]),
        group(
            "documents.by_type",
            When::NearlyThreeYears,
            Document,
            DOCUMENTS,
            &[
                (&[("type", &["resolution"])], 33),
                (&[("type", &["resolution"]), ("sub_type", &["thematic"])], 4),
                (&[("type", &["plan"])], 7),
                (&[("type", &["guideline"])], 5),
                (&[("type", &["decision"])], 17),
                (&[("type", &["notice"])], 16),
            ],
        ),
    ]
}

/// Shares of the cadre plan, with the decimals that are printed. The base is not stated.
const SHARES: [(&str, &str, i32); 4] = [
    ("cadre_plan.women_share", "45.1", 1),
    ("cadre_plan.under_30_share", "18.2", 1),
    ("cadre_plan.college_or_university_share", "84", 0),
    ("cadre_plan.political_intermediate_plus_share", "31", 0),
];

fn figure(indicator: &str, when: When, value: Decimal, measure: Measure, words: &str) -> ReportedFigureCreate {
    let mut figure = ReportedFigureCreate {
        unit_id: units::reference(units::ward()),
        verbatim_text: Some(words.into()),
        source: Some(SOURCE.into()),
        qualifier: Some(Qualifier::Exact),
        ..ReportedFigureCreate::new(indicator, value, measure)
    };
    if let Some((from, to)) = when.period() {
        figure.period_from = Some(from);
        figure.period_to = Some(to);
    }
    if let Some((date, precision)) = when.as_of() {
        figure.as_of_date = date;
        figure.as_of_precision = Some(precision);
    }
    if indicator == "admission.admitted" && matches!(when, When::NearlyThreeYears) {
        // "Hơn 30".
        figure.qualifier = Some(Qualifier::MoreThan);
    }
    figure
}

fn dimensions(of: Dimensions) -> Option<cell_records_types::Dimensions> {
    let map = of.iter().map(|(name, values)| {
        let values: Vec<_> = values.iter().map(|value| cell_records_types::Text::from(*value)).collect();
        ((*name).to_owned(), values.into())
    });
    (!of.is_empty()).then(|| map.collect())
}

/// All figures, in the order of the article's paragraphs.
pub fn figures() -> Vec<ReportedFigureCreate> {
    let mut figures = Vec::new();
    for group in groups() {
        for (of, value) in group.values {
            let mut one = figure(group.indicator, group.when, (*value).into(), group.measure.clone(), group.words);
            one.dimensions = dimensions(of);
            figures.push(one);
        }
        if group.indicator == "cadre_plan.entries" {
            for (indicator, share, places) in SHARES {
                // The shares are written down above: they read.
                let value = share.parse().unwrap_or_default();
                let mut one = figure(indicator, When::Unknown, value, Measure::Percent, PLAN);
                one.dimensions = dimensions(TERMS);
                one.decimals_printed = Some(Places(places));
                figures.push(one);
            }
        }
    }
    for (number, one) in (1..).zip(&mut figures) {
        one.id = Some(ids::id(Of::Figure, number));
        one.external_ids = ids::external(&format!("figure-{number:02}"));
    }
    figures
}
