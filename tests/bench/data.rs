//! What the benchmarks work on: wards of 24 cells, and members of about 600 bytes each.

use crate::copies::id_in;
use crate::databases::{Database, Engine};
use crate::servers::{PASSWORD, Server};
use anyhow::{Context, Result, ensure};
use cell_records_client::Client;
use cell_records_client::types::accounts::{GrantCreate, Role, SystemCreate, TokenCreate};
use cell_records_client::types::sync::{PushBatch, PushItem};
use cell_records_client::types::{Ref, Reference, Timestamp, Unit, UnitCreate, UnitKind};
use serde_json::{Value, json};
use std::path::Path;
use uuid::Uuid;

/// The root of the tree of units.
pub const ROOT: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);
/// Cells of a ward.
const CELLS: u128 = 24;
/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// A database with the tree and a caller, and no members yet.
pub struct World {
    /// The database. Servers run on copies of it.
    pub database: Database,
    /// The token of a system that exchanges data with the whole tree.
    pub token: String,
}

/// A ward's id. The first is made through the service, the others are its copies.
pub fn ward(number: u16) -> Uuid {
    id_in(Uuid::from_u128(0x0193_7f1a_0000_7000_8000_0000_0000_0001), number)
}

fn cell(in_ward: u16, number: u128) -> Uuid {
    Uuid::from_u128(ward(in_ward).as_u128() + 1 + number % CELLS)
}

impl World {
    /// Makes it, on an engine.
    pub async fn make(engine: Engine, folder: &Path) -> Result<Self> {
        let database = Database::migrated(engine, folder).await?;
        let (server, _) = Server::start(&database.url, 1).await?;
        let url = format!("http://{}", server.address);
        let root: Ref<Unit> = ROOT.into();
        let admin = Client::builder(&url).login("admin", PASSWORD).build()?;
        let system = SystemCreate {
            name: "bench".into(),
            contact: "bench".into(),
            purpose: "bench".into(),
            code: Some("bench".into()),
            unit_id: None,
        };
        let system = admin.systems().create(&system).await?.record;
        let role = Role::ExchangePeer;
        let grant = GrantCreate { role, unit_id: root.clone(), from: None, until: None, fields: None };
        admin.systems().create_grant(system.id, &grant).await?;
        let expires_at = Timestamp::from_micros(Timestamp::now().micros() + 30 * DAY);
        let token = TokenCreate { expires_at: Some(expires_at), ..TokenCreate::new("bench") };
        let token = admin.systems().create_token(system.id, &token).await?.token;
        let peer = Client::builder(&url).access_token(token.clone()).build()?;
        let mut units = vec![unit(ward(0), "Đảng bộ phường", UnitKind::GrassrootsCommittee, root)?];
        for number in 0..CELLS {
            units.push(unit(cell(0, number), &format!("Chi bộ khối {number}"), UnitKind::Cell, ward(0).into())?);
        }
        let made = peer.push(&PushBatch::new(units), "units").await?;
        ensure!(made.items.iter().all(|item| item.status.is_success()), "a unit was refused: {made:?}");
        Ok(World { database, token })
    }
}

fn unit(id: Uuid, name: &str, kind: UnitKind, parent: Ref<Unit>) -> Result<PushItem> {
    let new = UnitCreate { parent_id: Some(parent), ..UnitCreate::new(name, kind) };
    let mut item = PushItem::create::<Unit>(&new)?;
    item.id = Some(Reference::Id(id));
    Ok(item)
}

/// Where new members go.
#[derive(Debug, Clone, Copy)]
pub enum Units {
    /// Any cell of so many wards.
    Random(u16),
    /// Any cell of one ward.
    Ward(u16),
}

/// Members with numbers of their own, all different.
#[derive(Default)]
pub struct Members {
    made: std::cell::Cell<u128>,
}

const FAMILIES: [&str; 8] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng"];
const MIDDLES: [&str; 8] = ["Văn", "Thị", "Hữu", "Đức", "Minh", "Thanh", "Quốc", "Ngọc"];
const GIVEN: [&str; 16] = [
    "An", "Bình", "Chi", "Dũng", "Giang", "Hà", "Hiếu", "Hoa", "Hùng", "Lan", "Linh", "Long", "Mai", "Nam", "Phúc",
    "Sơn",
];

fn one_of<'a>(words: &[&'a str], number: u128) -> &'a str {
    words.iter().cycle().nth(usize::try_from(number % 1_000).unwrap_or(0)).copied().unwrap_or_default()
}

impl Members {
    /// The fields of the next one, without its id.
    fn next(&self, units: Units) -> Value {
        let number = self.made.get();
        self.made.set(number + 1);
        // Neighbours in the log are strangers in every other order.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7 & 0xffff_ffff;
        let ward = match units {
            Units::Random(wards) => u16::try_from(mixed / 24 % u128::from(wards)).unwrap_or(0),
            Units::Ward(ward) => ward,
        };
        let (year, month, day) = (1940 + mixed % 50, 1 + mixed / 50 % 12, 1 + mixed / 600 % 28);
        let admitted = format!("{}-{month:02}-{day:02}", year + 25);
        let name = [one_of(&FAMILIES, mixed / 3), one_of(&MIDDLES, mixed / 29), one_of(&GIVEN, mixed / 241)];
        json!({
            "unit_id": cell(ward, mixed),
            "full_name": format!("{} {}", name.join(" "), mixed / 3_000 % 100),
            "sex": if mixed.is_multiple_of(2) { "male" } else { "female" },
            "birth_date": format!("{year}-{month:02}-{day:02}"),
            "admission_date": admitted,
            "status": if mixed.is_multiple_of(10) { "probationary" } else { "official" },
            "native_place": "Xã Hưng Lộc, thành phố Vinh, tỉnh Nghệ An",
            "current_residence": format!("Số {}, đường Lê Lợi, phường Hưng Bình", mixed % 300),
            "education_general": "12/12",
            "education_level": "university",
            "political_theory_level": "elementary",
            "occupation_current": "Giáo viên",
            "employment_status": "working",
        })
    }

    /// A create of the next one.
    pub fn create(&self, units: Units) -> String {
        self.next(units).to_string()
    }

    /// A push of the next so many.
    pub fn push(&self, size: usize, units: Units) -> Result<String> {
        let mut items = Vec::with_capacity(size);
        for _ in 0..size {
            // Copies tell wards apart by two bytes of an id, so those that are copied have none there.
            let id = id_in(Uuid::now_v7(), 0);
            items.push(json!({"op": "create", "type": "member", "id": id, "fields": self.next(units)}));
        }
        serde_json::to_string(&json!({ "items": items })).context("a push")
    }
}
