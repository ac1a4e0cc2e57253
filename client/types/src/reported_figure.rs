//! `reported_figure`: a number as somebody reported it, never repaired (docs/DOMAIN.md, Reported figures).

use crate::{Date, Decimal, List, PartialDate, Ref, Text, Unit, codes, filters, form, record, whole_number};
use std::collections::BTreeMap;

codes! {
    /// How exactly an as-of date is known.
    pub open enum DatePrecision = "date_precision" {
        Day = "day" "Ngày" "Day";
        Month = "month" "Tháng" "Month";
        Year = "year" "Năm" "Year";
        NotKnown = "unknown" "Không rõ" "Unknown";
    }
}

codes! {
    /// What is counted.
    pub open enum Measure = "measure" {
        Person = "person" "Người" "Persons";
        Turn = "turn" "Lượt" "Turns";
        Entry = "entry" "Lượt quy hoạch" "Entries";
        Case = "case" "Vụ việc" "Cases";
        Document = "document" "Văn bản" "Documents";
        Cell = "cell" "Chi bộ" "Cells";
        Percent = "percent" "Phần trăm" "Percent";
        Meeting = "meeting" "Cuộc họp" "Meetings";
    }
}

codes! {
    /// How exactly a number was given.
    pub open enum Qualifier = "qualifier" {
        Exact = "exact" "Chính xác" "Exact";
        MoreThan = "more_than" "Hơn" "More than";
        AtLeast = "at_least" "Ít nhất" "At least";
        LessThan = "less_than" "Dưới" "Less than";
        AtMost = "at_most" "Nhiều nhất" "At most";
        About = "about" "Khoảng" "About";
    }
}

codes! {
    /// The status of a figure.
    pub open enum FigureStatus = "figure_status" {
        Recorded = "recorded" "Đã ghi nhận" "Recorded";
        Confirmed = "confirmed" "Đã xác nhận" "Confirmed";
        Disputed = "disputed" "Còn tranh cãi" "Disputed";
        Corrected = "corrected" "Đã đính chính" "Corrected";
        Superseded = "superseded" "Đã thay thế" "Superseded";
    }
}

form! {
    /// The code of an indicator, such as `members.strength`.
    pub struct IndicatorCode = &crate::phrases::INDICATOR_CODE, "^[a-z0-9_]+(\\.[a-z0-9_]+)*$", "members.strength",
    |text| (1..=100).contains(&text.len())
        && text.split('.').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
}

whole_number! {
    /// Decimals as printed, 0 to 6.
    pub struct Places = 0..=6;
}

/// Names of dimensions to their values, such as `{"cell_type": ["enterprise", "cooperative"]}`.
pub type Dimensions = BTreeMap<String, List<Text<200>, 20>>;

record! {
    /// A number as somebody reported it. It is never edited: a correction is a new record.
    /// It is for a period (`period_from`, `period_to`) or as of a date (`as_of_precision`, `as_of_date`).
    ReportedFigure, ReportedFigureCreate, ReportedFigureUpdate = "reported_figure" in "reported_figures", "Số liệu báo cáo" "Reported figure" "Reported figures",
    Internal, downward: false, display: [indicator_code, value] {
        required {
            /// What it counts, by code.
            indicator_code: IndicatorCode, "Mã chỉ tiêu" "Indicator",
            /// The number.
            value: Decimal, "Số liệu" "Number",
            /// What is counted.
            measure: Measure, "Đơn vị tính" "What is counted",
        }
        optional {
            /// First day of the period.
            period_from: Date, "Kỳ báo cáo từ ngày" "Period from",
            /// Last day of the period.
            period_to: Date, "Kỳ báo cáo đến hết ngày" "Period to",
            /// The date that it is for.
            as_of_date: Date, "Tính đến ngày" "As of",
            /// How exactly that date is known; `unknown` allows no date.
            as_of_precision: DatePrecision, "Độ chính xác của ngày" "Precision of the date",
            /// What it is broken down by.
            dimensions: Dimensions, "Phân tổ" "Dimensions",
            /// How exactly it was given.
            qualifier: Qualifier, "Mức độ chính xác của số liệu" "Qualifier",
            /// Decimals as printed.
            decimals_printed: Places, "Số chữ số thập phân" "Decimals as printed",
            /// Of what a share is the share, by code; absent: not stated.
            base_indicator_code: IndicatorCode, "Mã chỉ tiêu gốc" "Base indicator",
            /// The base's number.
            base_value: Decimal, "Số liệu gốc" "Base number",
            /// The words of the source.
            verbatim_text: Text<1000>, "Nguyên văn" "Words of the source",
            /// Where it was found.
            source: Text<500>, "Nguồn" "Source",
            /// The unit that reported it.
            reported_by_unit_id: Ref<Unit>, "Tổ chức báo cáo" "Reported by",
            /// When it was reported.
            reported_on: Date, "Ngày báo cáo" "Reported on",
            /// Its status.
            status: FigureStatus, "Tình trạng số liệu" "Status",
            /// The figure that takes its place.
            superseded_by_id: Ref<ReportedFigure>, "Số liệu thay thế" "Superseded by",
        }
        managed {}
        groups {
            figure "Số liệu" "Figure": indicator_code, value, measure, qualifier, decimals_printed, dimensions,
                base_indicator_code, base_value;
            time "Thời gian" "Time": period_from, period_to, as_of_date, as_of_precision;
            origin "Nguồn, tình trạng" "Source and status": verbatim_text, source, reported_by_unit_id, reported_on, status, superseded_by_id;
        }
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "indicator_code": "members.strength", "value": "45.1", "measure": "person",
                "period_from": "2014-01-01", "period_to": "2014-12-31",
            },
            change: { "status": "confirmed" },
        }
    }
}

filters! {
    ReportedFigureFilter of ReportedFigure {
        /// Of this indicator.
        indicator_code: Option<String>,
        /// Of one of these measures.
        measure: Vec<Measure>,
        /// Of one of these statuses.
        status: Vec<FigureStatus>,
        /// Of a period that begins on this date or later.
        period_from: Option<PartialDate>,
        /// Of a period that begins on this date or earlier.
        period_to: Option<PartialDate>,
    }
}
