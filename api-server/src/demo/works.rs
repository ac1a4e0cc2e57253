//! What members take on: assignments, and the pledges of three years. The article says that the share of leaders who pledge to be
//! an example rose, without numbers.

use super::ids::{self, Of};
use super::offices::Office;
use super::people::Person;
use super::random::{Random, day};
use super::units;
use cell_records_types::{AssignmentCreate, PledgeCreate, PledgeKind, Uuid, Year};
use std::collections::{BTreeMap, BTreeSet};

/// What a member of a cell is asked to do.
const TASKS: [&str; 8] = [
    "Vận động nhân dân trong tổ dân cư thực hiện nếp sống văn minh đô thị",
    "Theo dõi, giúp đỡ hộ gia đình có hoàn cảnh khó khăn",
    "Tham gia công tác hòa giải ở khối",
    "Phụ trách công tác khuyến học, khuyến tài",
    "Theo dõi, bồi dưỡng quần chúng ưu tú",
    "Tuyên truyền chủ trương, nghị quyết trong khu dân cư",
    "Tham gia tổ tự quản về an ninh, trật tự",
    "Thực hiện nhiệm vụ chuyên môn được phân công tại đơn vị",
];

/// One primary task of each member who is not exempt.
pub fn assignments(people: &[Person], exempt: &BTreeSet<u64>) -> Vec<AssignmentCreate> {
    let active = people.iter().filter(|person| !exempt.contains(&person.number));
    let one = |person: &Person| AssignmentCreate {
        id: Some(ids::id(Of::Assignment, person.number)),
        unit_id: units::reference(units::cell(person.cell)),
        external_ids: ids::external(&format!("assignment-{:04}", person.number)),
        ..AssignmentCreate::new(
            person.id(),
            Random::of(26, person.number).one(&TASKS),
            person.since.max(day(2014, 1, 1)),
        )
    };
    active.map(one).collect()
}

/// How many of the leaders pledged to be an example.
const EXEMPLARS: [(i16, usize); 3] = [(2012, 46), (2013, 60), (2014, 80)];
/// The cells that plan to admit one person a year.
const PLANNING: u64 = 12;
/// The year in which each cell adopted its ethical standards.
const STANDARDS: i32 = 2012;

/// The pledges of three years.
pub fn pledges(people: &[Person], offices: &[Office]) -> Vec<PledgeCreate> {
    let cell_of: BTreeMap<u64, u64> = people.iter().map(|person| (person.number, person.cell)).collect();
    let mut all: Vec<PledgeCreate> = Vec::new();
    for (year, exemplars) in EXEMPLARS {
        let last = day(year, 12, 31);
        let holds = |office: &&Office| office.record.from <= last && office.record.to.is_none_or(|to| last < to);
        let mut leaders: Vec<&Office> = offices.iter().filter(holds).collect();
        leaders.sort_by_key(|office| Random::of(u64::from(year.unsigned_abs()), office.member).next());
        for (place, office) in leaders.into_iter().enumerate() {
            let cell = cell_of.get(&office.member).copied().unwrap_or_default();
            let content =
                "Đăng ký nội dung học tập và làm theo tấm gương đạo đức Hồ Chí Minh gắn với chức trách được giao";
            all.push(PledgeCreate {
                member_id: Some(office.record.member_id.clone()),
                position_code: Some(office.record.position_code.clone()),
                is_exemplar: Some(place < exemplars),
                adopted_on: Some(day(year, 2, 15)),
                ..pledge(&all, units::cell(cell), year.into(), PledgeKind::FollowExample, content)
            });
        }
        for cell in 1..=PLANNING {
            let content = "Bồi dưỡng, giới thiệu quần chúng ưu tú để kết nạp vào Đảng";
            all.push(PledgeCreate {
                target: Some(1),
                ..pledge(&all, units::cell(cell), year.into(), PledgeKind::MemberDevelopment, content)
            });
        }
    }
    for cell in units::cells() {
        let content = "Chuẩn mực đạo đức của cán bộ, đảng viên chi bộ theo tư tưởng, tấm gương đạo đức Hồ Chí Minh";
        all.push(PledgeCreate {
            adopted_on: Some(day(2012, 6, 1)),
            ..pledge(&all, units::cell(cell.number), STANDARDS, PledgeKind::EthicalStandards, content)
        });
    }
    all
}

fn pledge(all: &[PledgeCreate], unit: Uuid, year: i32, kind: PledgeKind, content: &str) -> PledgeCreate {
    let serial = u64::try_from(all.len()).unwrap_or(0) + 1;
    PledgeCreate {
        id: Some(ids::id(Of::Pledge, serial)),
        unit_id: units::reference(unit),
        external_ids: ids::external(&format!("pledge-{serial:03}")),
        ..PledgeCreate::new(Year(year), kind, content)
    }
}
