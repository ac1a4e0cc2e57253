//! The classes to which the ward sent candidates, new members and others. The article counts who was sent; which classes there
//! were, and when, it does not say.

use super::ids::{self, Of};
use super::random::day;
use super::units;
use cell_records_types::{CourseCreate, CourseKind, Date};

/// A class: the first day, how many days there are to the first one after it, and its name.
type Class = (Date, i64, &'static str);

/// Classes on Party awareness, for candidates.
const AWARENESS: [Date; 7] = [
    day(2011, 10, 10),
    day(2012, 5, 14),
    day(2012, 10, 15),
    day(2013, 4, 8),
    day(2013, 10, 7),
    day(2014, 4, 7),
    day(2014, 9, 8),
];
/// Classes for new members.
const NEW_MEMBERS: [Date; 3] = [day(2012, 11, 5), day(2013, 6, 3), day(2013, 12, 2)];
/// One of political theory, intermediate.
const INTERMEDIATE: Class = (day(2014, 3, 3), 365, "Trung cấp lý luận chính trị – hành chính 2014");
/// One of political theory, elementary.
const ELEMENTARY: Class = (day(2014, 6, 9), 33, "Sơ cấp lý luận chính trị 2014");
/// Of one day each, on the work of the Party.
const PROFESSIONAL: [Class; 4] = [
    (day(2014, 3, 20), 1, "Tập huấn nghiệp vụ công tác tổ chức"),
    (day(2014, 5, 22), 1, "Tập huấn nghiệp vụ công tác kiểm tra, giám sát"),
    (day(2014, 8, 21), 1, "Tập huấn nghiệp vụ công tác tuyên giáo"),
    (day(2014, 10, 23), 1, "Tập huấn nghiệp vụ công tác dân vận"),
];

/// All classes.
pub fn courses() -> Vec<CourseCreate> {
    let mut courses = Vec::new();
    let mut add = |kind: CourseKind, external: String, from: Date, days: i64, name: &str, organiser: &str| {
        let serial = courses.len() as u64 + 1;
        courses.push(CourseCreate {
            id: Some(ids::id(Of::Course, serial)),
            unit_id: units::reference(units::ward()),
            external_ids: ids::external(&external),
            to: Some(from.plus_days(days)),
            organiser: Some(organiser.into()),
            ..CourseCreate::new(name, kind, from)
        });
    };
    let (city, ward) = ("Trung tâm Bồi dưỡng chính trị thành phố Vinh", "Đảng ủy phường");
    let month = |from: Date| format!("{}-{:02}", from.year(), from.month());
    let titled = |title: &str, from: Date| format!("{title}, tháng {} năm {}", from.month(), from.year());
    for from in AWARENESS {
        let name = titled("Bồi dưỡng nhận thức về Đảng", from);
        add(CourseKind::Awareness, format!("course-awareness-{}", month(from)), from, 5, &name, city);
    }
    for from in NEW_MEMBERS {
        let name = titled("Bồi dưỡng đảng viên mới", from);
        add(CourseKind::NewMember, format!("course-new-member-{}", month(from)), from, 5, &name, city);
    }
    let (from, days, name) = INTERMEDIATE;
    add(
        CourseKind::PoliticalIntermediate,
        "course-intermediate-2014".into(),
        from,
        days,
        name,
        "Trường Chính trị tỉnh Nghệ An",
    );
    let (from, days, name) = ELEMENTARY;
    add(CourseKind::PoliticalElementary, "course-elementary-2014".into(), from, days, name, city);
    for (from, days, name) in PROFESSIONAL {
        add(CourseKind::Professional, format!("course-professional-{}", month(from)), from, days, name, ward);
    }
    courses
}
