//! The tree as of 2014: province, city, ward and 24 cells. One cell stays unclassified: the article counts 24 and
//! names the types of 23, and what it does not say is not filled in.

use super::ids::{self, Of};
use super::random::day;
use crate::store::tree::ROOT;
use cell_records_types::{CellType, Date, Unit, UnitCreate, UnitKind, UnitState, Uuid};

/// From when the records describe the tree: the day of Resolution 09-NQ/TU, with which the article begins.
pub const SINCE: Date = day(2012, 3, 13);

/// A cell of the ward.
pub struct Cell {
    /// 1 to 24.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub kind: CellType,
    /// How many members it has.
    pub members: u64,
}

/// Members of the residential cells.
const RESIDENTIAL: [u64; 17] = [62, 55, 71, 48, 66, 59, 53, 64, 57, 69, 50, 61, 58, 67, 45, 60, 57];

/// The other cells: names, types and members.
const OTHERS: [(&str, CellType, u64); 7] = [
    ("Chi bộ trường học 1", CellType::School, 34),
    ("Chi bộ trường học 2", CellType::School, 29),
    ("Chi bộ trường học 3", CellType::School, 31),
    ("Chi bộ Công an", CellType::Police, 24),
    ("Chi bộ Công ty TNHH", CellType::Enterprise, 14),
    ("Chi bộ Hợp tác xã", CellType::Cooperative, 12),
    ("Chi bộ số 24", CellType::Unclassified, 22),
];

/// The province's id.
pub fn province() -> Uuid {
    ids::id(Of::Unit, 1)
}

/// The city's id.
pub fn city() -> Uuid {
    ids::id(Of::Unit, 2)
}

/// The ward's id.
pub fn ward() -> Uuid {
    ids::id(Of::Unit, 3)
}

/// A cell's id.
pub fn cell(number: u64) -> Uuid {
    ids::id(Of::Unit, 100 + number)
}

/// The 24 cells, in order.
pub fn cells() -> Vec<Cell> {
    let residential = (1..).zip(RESIDENTIAL).map(|(number, members)| Cell {
        number,
        name: format!("Chi bộ khối {number}"),
        kind: CellType::Residential,
        members,
    });
    let others =
        (18..).zip(OTHERS).map(|(number, (name, kind, members))| Cell { number, name: name.to_owned(), kind, members });
    residential.chain(others).collect()
}

fn unit(id: Uuid, external: &str, name: &str, kind: UnitKind, parent: Uuid) -> UnitCreate {
    UnitCreate {
        id: Some(id),
        external_ids: ids::external(external),
        parent_id: Some(parent.into()),
        parent_since: Some(SINCE),
        state: Some(UnitState::Active),
        ..UnitCreate::new(name, kind)
    }
}

/// All units, each after the one above it.
pub fn records() -> Vec<UnitCreate> {
    let mut units = vec![
        UnitCreate {
            short_name: Some("Nghệ An".into()),
            ..unit(province(), "province", "Tỉnh ủy Nghệ An", UnitKind::ProvincialCommittee, ROOT)
        },
        UnitCreate {
            short_name: Some("Vinh".into()),
            ..unit(city(), "city", "Thành ủy Vinh", UnitKind::CityCommittee, province())
        },
        UnitCreate {
            short_name: Some("Hưng Bình".into()),
            ..unit(ward(), "ward", "Đảng bộ phường Hưng Bình", UnitKind::GrassrootsCommittee, city())
        },
    ];
    units.extend(cells().into_iter().map(|one| UnitCreate {
        code: Some(format!("{:02}", one.number).into()),
        cell_type: Some(one.kind),
        ..unit(cell(one.number), &format!("cell-{:02}", one.number), &one.name, UnitKind::Cell, ward())
    }));
    units
}

/// What refers to a unit.
pub fn reference(id: Uuid) -> Option<cell_records_types::Ref<Unit>> {
    Some(id.into())
}
