//! 1,168 members who do not exist: names, dates and numbers from the generator, each fit for a cell of its type.

use super::ids::{self, Of};
use super::random::{Random, day, later};
use super::units::{self, Cell};
use super::{names, units::cells};
use cell_records_types::text::name_key;
use cell_records_types::{
    Card, CardKind, CardState, CellType, Date, EducationLevel, EmploymentStatus, Ethnicity, MemberCreate, MemberStatus,
    PartialDate, PoliticalTheoryLevel, Sex, StayVia, Uuid,
};
use std::collections::BTreeSet;

/// The year that the demo describes.
const YEAR: i16 = 2014;
/// Its last day.
const LAST_DAY: Date = day(YEAR, 12, 31);
/// Admitted in the article's period before 2014; with those of 2014 "more than 30".
const ADMITTED_BEFORE: i64 = 23;
/// The secretary that the article names is in no record.
const NOT_INVENTED: &str = "Hoàng Thị Thanh Loan";

/// A member, as other records need to know it.
pub struct Person {
    /// 1 to 1,168.
    pub number: u64,
    /// The cell's number.
    pub cell: u64,
    /// When born, as known.
    pub birth: PartialDate,
    /// When official; not yet for the probationary.
    pub official: Option<Date>,
    /// When admitted.
    pub admission: Date,
    /// Since when in the cell.
    pub since: Date,
    /// The record.
    pub record: MemberCreate,
}

impl Person {
    /// The member's id.
    pub fn id(&self) -> Uuid {
        id(self.number)
    }

    /// Whether the member was admitted in the article's period.
    pub fn was_admitted_lately(&self) -> bool {
        self.admission >= units::SINCE
    }
}

/// A member's id.
pub fn id(number: u64) -> Uuid {
    ids::id(Of::Member, number)
}

/// All members, cell by cell.
pub fn people() -> Vec<Person> {
    let mut people = Vec::new();
    let mut known = BTreeSet::new();
    let mut recent = 0;
    for cell in cells() {
        // The last of every cell, and one more of the first seven, were admitted in the article's period.
        let admitted = if cell.number <= 7 { 2 } else { 1 };
        for place in 1..=cell.members {
            let admission = (place + admitted > cell.members).then(|| {
                recent += 1;
                admission_of(recent - 1)
            });
            let number = u64::try_from(people.len()).unwrap_or(0) + 1;
            people.push(person(number, &cell, admission, &mut known));
        }
    }
    people
}

/// When the `index`-th of the recently admitted was admitted: eight in 2014, the others from April 2012 on.
fn admission_of(index: i64) -> Date {
    // The third of every four is one of 2014.
    let of_year = (index + 1) / 4;
    let before = index - of_year;
    let months = |start: Date, months: i64| start.plus_months(i32::try_from(months).unwrap_or(0));
    if index % 4 == 2 {
        return later(months(day(YEAR, 2, 10), of_year), index % 15);
    }
    later(months(day(2012, 4, 10), before * 20 / ADMITTED_BEFORE), index % 15)
}

fn person(number: u64, cell: &Cell, admitted: Option<Date>, known: &mut BTreeSet<(String, String)>) -> Person {
    let mut random = Random::of(1, number);
    let women = match cell.kind {
        CellType::School => 74,
        CellType::Police => 15,
        CellType::Cooperative => 50,
        _ => 41,
    };
    let sex = if random.percent(women) { Sex::Female } else { Sex::Male };
    let born = match admitted {
        Some(admitted) => later(admitted, -i64::from(random.between(20 * 366, 34 * 366))),
        None => {
            let age = age(&mut random, &cell.kind);
            random.day_of(YEAR - age)
        }
    };
    let year = born.year();
    let birth = match random.below(100) {
        // Of the old, papers often state the year alone.
        0..14 if year < 1955 => PartialDate { year, month: None, day: None },
        14..18 if year < 1955 => PartialDate { year, month: Some(born.month()), day: None },
        _ => PartialDate { year, month: Some(born.month()), day: Some(born.day()) },
    };
    let name = loop {
        let name = names::full_name(&mut random, &sex);
        if name != NOT_INVENTED && known.insert((name_key(&name), birth.to_string())) {
            break name;
        }
    };
    let admission = admitted.unwrap_or_else(|| {
        // Between 19 and 45, before the article's period.
        let oldest = random.between(20, 45);
        let year = random.between(year + 19, (year + oldest).min(2011));
        random.day_of(year)
    });
    let decided = later(admission, -i64::from(random.between(5, 20)));
    let official = admission.plus_months(12);
    let official = if admitted.is_some() { official } else { later(official, i64::from(random.between(0, 60))) };
    let official = (official <= LAST_DAY).then_some(official);
    let (since, via) = match admitted {
        Some(admitted) => (admitted, StayVia::Admission),
        None => stay(&mut random, &cell.kind, admission),
    };
    let record = MemberCreate {
        id: Some(id(number)),
        unit_id: units::reference(units::cell(cell.number)),
        external_ids: ids::external(&format!("member-{number:04}")),
        status: Some(if official.is_some() { MemberStatus::Official } else { MemberStatus::Probationary }),
        admission_decision_date: Some(decided),
        official_date: official,
        unit_since: Some(since),
        unit_via: Some(via),
        ..MemberCreate::new(name, sex, birth, admission)
    };
    let record = life(record, &mut random, cell, year);
    let record = numbers(record, &mut random, number, year);
    Person { number, cell: cell.number, birth, official, admission, since, record }
}

fn age(random: &mut Random, kind: &CellType) -> i16 {
    match kind {
        CellType::Residential => match random.below(100) {
            0..8 => random.between(24, 34),
            8..33 => random.between(35, 54),
            33..74 => random.between(55, 69),
            _ => random.between(70, 88),
        },
        CellType::Police => random.between(25, 53),
        CellType::School => random.between(26, 56),
        _ => random.between(27, 58),
    }
}

/// Since when a member is in the cell, and how it came: many residents moved here, most of them when they retired.
fn stay(random: &mut Random, kind: &CellType, admission: Date) -> (Date, StayVia) {
    let admitted_here = if *kind == CellType::Residential { 28 } else { 45 };
    if admission >= day(1985, 1, 1) && random.percent(admitted_here) {
        return (admission, StayVia::Admission);
    }
    let first = (admission.year() + 2).max(1985);
    let year = if random.percent(6) || first > 2011 {
        random.between(first.max(2012), YEAR)
    } else {
        random.between(first, 2011)
    };
    (random.day_of(year), StayVia::Transfer)
}

/// Schooling, work and places.
fn life(mut record: MemberCreate, random: &mut Random, cell: &Cell, year: i16) -> MemberCreate {
    use EducationLevel::{College, LowerSecondary, Master, University, UpperSecondary, Vocational};
    use PoliticalTheoryLevel as Theory;
    // Until 1989 school had ten classes here.
    let classes = if year < 1972 { "10/10" } else { "12/12" };
    let education = match cell.kind {
        CellType::School => random.weighted(&[(0, 62), (1, 24), (2, 14)]),
        CellType::Residential if year < 1950 => random.weighted(&[(0, 22), (1, 10), (3, 30), (4, 22), (5, 16)]),
        _ => random.weighted(&[(0, 48), (1, 14), (2, 5), (3, 21), (4, 12)]),
    };
    let level = match education {
        0 => University,
        1 => College,
        2 => Master,
        3 => Vocational,
        4 => UpperSecondary,
        _ => LowerSecondary,
    };
    let general = if level == LowerSecondary { if year < 1972 { "7/10" } else { "9/12" } } else { classes };
    record.education_general = Some(general.into());
    record.education_level = Some(level);
    record.political_theory_level = Some(match random.below(100) {
        0..22 => Theory::None,
        22..66 => Theory::Elementary,
        66..92 => Theory::Intermediate,
        92..97 => Theory::Advanced,
        97 => Theory::Bachelor,
        _ => Theory::NotKnown,
    });
    let retires = if record.sex == Sex::Female { 55 } else { 60 };
    let (status, work) = match cell.kind {
        CellType::School => (EmploymentStatus::Working, random.weighted(&[("Giáo viên", 85), ("Nhân viên", 15)])),
        CellType::Police => (EmploymentStatus::Police, "Cán bộ công an"),
        CellType::Enterprise => {
            (EmploymentStatus::Working, random.weighted(&[("Công nhân", 40), ("Kỹ sư", 25), ("Kế toán", 35)]))
        }
        CellType::Cooperative => (EmploymentStatus::Working, "Xã viên hợp tác xã"),
        _ if YEAR - year >= retires => (EmploymentStatus::Retired, "Hưu trí"),
        CellType::Residential if random.percent(4) => (EmploymentStatus::ArmedForces, "Sĩ quan quân đội"),
        _ => {
            let works = [("Công chức", 26), ("Viên chức", 26), ("Kinh doanh", 24), ("Lao động tự do", 24)];
            (EmploymentStatus::Working, random.weighted(&works))
        }
    };
    record.employment_status = Some(status);
    record.occupation_current = Some(work.into());
    let native = random.weighted(&NATIVE_PLACES);
    record.native_place = Some(native.into());
    let block = if cell.kind == CellType::Residential { cell.number } else { 1 + random.below(17) };
    record.permanent_residence = Some(format!("Khối {block}, phường Hưng Bình, thành phố Vinh, Nghệ An").into());
    record.ethnicity = Some(Ethnicity::Kinh);
    record
}

const NATIVE_PLACES: [(&str, u64); 14] = [
    ("Thành phố Vinh, Nghệ An", 26),
    ("Huyện Nghi Lộc, Nghệ An", 14),
    ("Huyện Hưng Nguyên, Nghệ An", 11),
    ("Huyện Nam Đàn, Nghệ An", 10),
    ("Huyện Diễn Châu, Nghệ An", 9),
    ("Huyện Đô Lương, Nghệ An", 8),
    ("Huyện Thanh Chương, Nghệ An", 8),
    ("Huyện Yên Thành, Nghệ An", 8),
    ("Huyện Quỳnh Lưu, Nghệ An", 6),
    ("Huyện Anh Sơn, Nghệ An", 4),
    ("Huyện Đức Thọ, Hà Tĩnh", 5),
    ("Huyện Nghi Xuân, Hà Tĩnh", 5),
    ("Huyện Can Lộc, Hà Tĩnh", 4),
    ("Huyện Hương Sơn, Hà Tĩnh", 3),
];

/// Numbers, each held by one member only: a number's factor has no divisor in common with its range.
fn numbers(mut record: MemberCreate, random: &mut Random, number: u64, year: i16) -> MemberCreate {
    record.profile_number = Some(format!("{:06}NA", (number * 7_919 + 41_213) % 1_000_000).into());
    record.old_id_number = Some(format!("18{:07}", (number * 104_729 + 1_370_407) % 10_000_000).into());
    // The new number, with century and sex in one digit and the year in two, came to few before 2014.
    if random.percent(35) {
        let century = i32::from((year - 1900) / 100) * 2 + i32::from(record.sex == Sex::Female);
        let serial = (number * 15_485_863 + 217_645) % 1_000_000;
        record.personal_id = Some(format!("040{century}{:02}{serial:06}", year % 100).into());
    }
    // Cards are given in rounds; this one around 7 November.
    let issued = record.official_date.map(|official| {
        let first = day(official.year(), 11, 7);
        let round = if first < official { first.plus_years(1) } else { first };
        round.max(day(2003, 11, 7))
    });
    if let Some(issued) = issued.filter(|issued| *issued <= LAST_DAY) {
        let card = Card {
            number: format!("{:08}", 37_000_000 + (number * 611_953) % 10_000_000).into(),
            kind: CardKind::EightDigit,
            issued_on: Some(issued),
            issued_place: Some("Tỉnh ủy Nghệ An".into()),
            state: Some(CardState::Valid),
        };
        record.card_numbers = Some(vec![card].into());
    }
    record
}
