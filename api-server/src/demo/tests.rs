use super::{
    Command, Item, Outcome, Reference, Writer, command, evaluations, figures, item, items, load_into, offices, people,
    random, register, units,
};
use crate::db::Sql;
use crate::db::connect::{Database, DedicatedConnection, Url};
use crate::db::migrate::migrate;
use crate::on;
use crate::store::decide::Decided;
use crate::store::live::{Clock, Live};
use crate::store::tree::ROOT;
use crate::store::writer::RowLimits;
use cell_records_types::sync::ItemStatus;
use cell_records_types::text::name_key;
use cell_records_types::{CellType, Date, MemberStatus, PositionCode, Sex, Unit, UnitCreate, UnitKind, Uuid};
use diesel::sql_types::BigInt;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

fn counted<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

#[test]
fn it_is_the_same_every_time() {
    let text = |item: &Item| format!("{:?} {:?} {:?} {:?}", item.kind, item.id, item.external_ids, item.fields);
    let (one, other): (Vec<String>, Vec<String>) =
        (items().unwrap().iter().map(text).collect(), items().unwrap().iter().map(text).collect());
    assert_eq!(one, other);
}

#[test]
fn nothing_of_it_has_a_fault_or_an_id_twice() {
    let items = items().unwrap();
    let mut ids = HashSet::new();
    let mut external = HashSet::new();
    for item in &items {
        assert!(item.faults.is_empty(), "{:?} {:?}", item.fields, item.faults);
        let Some(Reference::Id(id)) = &item.id else { panic!("no id: {:?}", item.fields) };
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        assert!(ids.insert(*id), "{id}");
        for one in item.external_ids.iter().flatten() {
            assert!(external.insert((item.kind.name, one.value.to_string())), "{one:?}");
        }
    }
    let kinds = counted(items.iter().map(|item| item.kind.name));
    assert_eq!((kinds["unit"], kinds["member"]), (27, 1_168));
    for (kind, value) in [("unit", "province"), ("unit", "city"), ("unit", "ward"), ("unit", "cell-01")] {
        assert!(external.contains(&(kind, value.to_owned())));
    }
    assert!((1..=24).all(|n| external.contains(&("unit", format!("cell-{n:02}")))));
    assert!((1..=1_168).all(|n| external.contains(&("member", format!("member-{n:04}")))));
}

#[test]
fn the_cells_are_those_of_the_article() {
    let units = units::records();
    let cells: Vec<&UnitCreate> = units.iter().filter(|unit| unit.kind == UnitKind::Cell).collect();
    let types = counted(cells.iter().map(|cell| cell.cell_type.as_ref().unwrap().code()));
    let expected = [
        (CellType::Residential, 17),
        (CellType::School, 3),
        (CellType::Police, 1),
        (CellType::Enterprise, 1),
        (CellType::Cooperative, 1),
        (CellType::Unclassified, 1),
    ];
    assert_eq!(types, expected.iter().map(|(kind, count)| (kind.code(), *count)).collect());
    assert_eq!((&*cells[0].name, &*cells[16].name), ("Chi bộ khối 1", "Chi bộ khối 17"));
}

#[test]
fn the_members_are_plausible() {
    let people = people::people();
    let members: Vec<_> = people.iter().map(|person| &person.record).collect();
    let last = random::day(2014, 12, 31);
    let mut names = HashSet::new();
    let mut numbers = HashSet::new();
    for (person, member) in people.iter().zip(&members) {
        assert!(names.insert((name_key(&member.full_name), member.birth_date.to_string())), "{}", member.full_name);
        let own = [member.personal_id.as_deref(), member.profile_number.as_deref(), member.old_id_number.as_deref()];
        let cards = member.card_numbers.iter().flat_map(|cards| cards.iter().map(|card| &*card.number));
        for number in own.into_iter().flatten().chain(cards) {
            assert!(numbers.insert(number.to_owned()), "{number}");
        }
        let official = member.status == Some(MemberStatus::Official);
        assert_eq!(official, member.official_date.is_some());
        let dates = [Some(person.admission), person.official, Some(person.since), member.admission_decision_date];
        assert!(dates.into_iter().flatten().all(|date| date <= last), "{dates:?}");
        assert!(person.since >= person.admission);
    }
    // What the article says of admissions: 8 in 2014, more than 30 in nearly three years.
    let admitted =
        |from: Date| people.iter().filter(|person| person.admission >= from && person.admission <= last).count();
    assert_eq!((admitted(random::day(2014, 1, 1)), admitted(random::day(2012, 3, 13))), (8, 31));
    let statuses = counted(members.iter().map(|member| member.status.as_ref().unwrap().code()));
    assert_eq!((statuses["official"], statuses["probationary"]), (1_160, 8));
    let women = members.iter().filter(|member| member.sex == Sex::Female).count();
    assert!((400..600).contains(&women), "{women}");
    assert!(members.iter().any(|member| member.birth_date.month.is_none()));
    let by_cell = counted(people.iter().map(|person| person.cell));
    assert!(units::cells().iter().all(|cell| by_cell[&cell.number] == usize::try_from(cell.members).unwrap()));
}

#[test]
fn every_cell_and_the_ward_have_a_secretary() {
    let people = people::people();
    let offices = offices::offices(&people);
    let of = |code: PositionCode| offices.iter().filter(|office| office.record.position_code == code).count();
    assert_eq!(of(PositionCode::CommitteeSecretary), 1);
    assert_eq!((of(PositionCode::CellSecretary), of(PositionCode::CellDeputySecretary)), (24, 24));
    let members: HashSet<u64> = offices.iter().map(|office| office.member).collect();
    assert_eq!(members.len(), offices.len());
    for office in offices {
        let person = &people[usize::try_from(office.member).unwrap() - 1];
        assert!(person.official.is_some_and(|official| official < office.record.from));
    }
}

#[test]
fn the_results_are_those_of_the_article() {
    let people = people::people();
    let officers = offices::in_office(&offices::offices(&people));
    let results = evaluations::of_members(&people, &officers);
    for (year, levels) in evaluations::MEMBERS {
        let round = evaluations::rounds()[usize::try_from(year).unwrap() - 2012].create.id.unwrap();
        let of_year: Vec<_> = results.iter().filter(|result| result.round_id.id() == Some(round)).collect();
        let counts = counted(of_year.iter().map(|result| result.final_level.as_deref().unwrap()));
        assert_eq!(counts, levels.into_iter().filter(|(_, count)| *count > 0).collect());
        let members: HashSet<_> = of_year.iter().map(|result| result.member_id.id()).collect();
        assert_eq!(members.len(), of_year.len());
        assert_eq!(of_year.len(), if year == 2012 { 920 } else { 937 });
    }
    let cells = evaluations::of_cells();
    let counts = counted(cells.iter().map(|result| result.final_level.as_deref().unwrap()));
    assert_eq!(counts, BTreeMap::from([("clean_strong", 23), ("completed", 1)]));
}

#[test]
fn the_figures_stay_as_they_are_printed() {
    let figures = figures::figures();
    let value = |code: &str, year: Option<&str>, dimension: Option<&str>| -> Vec<String> {
        let fits = figures.iter().filter(|figure| {
            let starts = figure.period_from.map(|from| from.to_string());
            let own = figure
                .dimensions
                .iter()
                .flat_map(|of| of.values().flat_map(|list| list.iter()))
                .map(|text| text.to_string());
            *figure.indicator_code == *code
                && year.is_none_or(|year| starts.is_some_and(|from| from.starts_with(year)))
                && own.collect::<Vec<_>>() == dimension.map(str::to_owned).into_iter().collect::<Vec<_>>()
        });
        fits.map(|figure| figure.value.to_string()).collect()
    };
    assert_eq!(value("evaluation.members", Some("2012"), None), ["879"]);
    assert_eq!(value("evaluation.members", Some("2012"), Some("completed")), ["41"]);
    assert_eq!(value("evaluation.members", Some("2013"), None), ["937"]);
    assert_eq!(value("evaluation.members", Some("2014"), Some("excellent")), ["132"]);
    assert_eq!(value("evaluation.cells", None, Some("clean_strong")), ["23"]);
    assert_eq!(value("cells.total", None, None), ["24"]);
    assert_eq!(value("cells.by_type", None, Some("residential")), ["17"]);
    assert_eq!(value("members.strength", None, None), ["1168"]);
    assert_eq!(value("residence_links.active", None, None), ["1493"]);
    assert_eq!(value("admission.admitted", None, None), ["8", "30"]);
    assert_eq!(value("training.awareness_candidates", None, None), ["23", "74"]);
    let share = figures.iter().find(|figure| &*figure.indicator_code == "cadre_plan.women_share").unwrap();
    assert_eq!(share.value.to_string(), "45.1");
    assert!(figures.iter().all(|figure| figure.verbatim_text.is_some()));
    assert_eq!(figures.len(), 40);
}

/// A migrated database with the clock and the root.
async fn started(url: Url) -> (Database, Writer) {
    use crate::db::Verbs;
    let database = Database::new(url);
    migrate(&database).unwrap();
    {
        let mut own = database.open().await.unwrap();
        let clock = "INSERT INTO sync_clock (id, seq, batch, epoch, floor_seq, tree_rev, auth_rev, policy_rev, registry) VALUES (1, 0, ";
        let sql = Sql::<()>::new(clock).bind(Uuid::new_v4()).text(", 'test', 0, 0, 0, 0, ");
        let sql = sql.bind(crate::store::reindex::Fingerprint::current().text.as_str()).text(")");
        let mut db: crate::db::Db<'_> = own.db();
        assert_eq!(on!(&mut db, c => sql.run(c)).unwrap(), 1);
    }
    let writer = Writer::start(&database, Arc::new(Live::default()), "test".into(), RowLimits::default()).unwrap();
    let root = UnitCreate { id: Some(ROOT), ..UnitCreate::new("Trung ương", UnitKind::CentralCommittee) };
    let command = Command { items: vec![item::<Unit>(&root, &[]).unwrap()], ..command() };
    let Outcome::Done(done) = writer.submit(command).await.unwrap() else { panic!() };
    assert!(done.applied, "{:?}", done.items);
    (database, writer)
}

async fn number(own: &mut DedicatedConnection, sql: &str) -> i64 {
    use crate::db::Verbs;
    let sql = Sql::<BigInt>::new(sql.to_owned());
    on!(&mut own.db(), c => sql.first_row::<i64>(c)).unwrap().unwrap()
}

async fn loads(url: Url) {
    let (database, writer) = started(url).await;
    register(&writer).await.unwrap();

    // As a dry run, to see the outcome of each item.
    let items = items().unwrap();
    let (count, kinds) = (items.len(), counted(items.iter().map(|item| item.kind.plural)));
    let dry = Command { items, dry_run: true, ..command() };
    let Outcome::Done(done) = writer.submit(dry).await.unwrap() else { panic!() };
    let warned: Vec<&Decided> = done.items.iter().filter(|item| !item.warnings.is_empty()).take(3).collect();
    assert!(warned.is_empty(), "{warned:?}");
    let refused: Vec<&Decided> = done.items.iter().filter(|item| item.status != ItemStatus::Created).take(3).collect();
    assert!(refused.is_empty(), "{refused:?}");

    let begun = Instant::now();
    assert_eq!(load_into(&database, &writer).await, Ok(true));
    println!("{count} records in {:?}: {kinds:?}", begun.elapsed());
    assert_eq!(load_into(&database, &writer).await, Ok(false));

    // A server that looked before another loaded it finds that there is nothing to do.
    let again = Command { items: super::items().unwrap(), ..command() };
    let Outcome::Done(done) = writer.submit(again).await.unwrap() else { panic!() };
    assert!(done.applied && done.batch.is_none());
    assert!(done.items.iter().all(|item| item.status == ItemStatus::Unchanged));

    let mut own = database.open().await.unwrap();
    for (table, records) in kinds {
        let root = usize::from(table == "units");
        assert_eq!(number(&mut own, &format!("SELECT count(*) FROM {table} WHERE version = 1")).await, {
            i64::try_from(records + root).unwrap()
        });
        assert_eq!(number(&mut own, &format!("SELECT count(*) FROM {table} WHERE version <> 1")).await, 0);
    }
    // The root's batch and this one.
    assert_eq!(number(&mut own, "SELECT count(DISTINCT batch) FROM changes").await, 2);
    let external = number(&mut own, "SELECT count(*) FROM external_ids WHERE system = 'demo' AND type = 'member'");
    assert_eq!(external.await, 1_168);
    assert_eq!(number(&mut own, "SELECT count(*) FROM evaluation_rounds WHERE state = 'locked'").await, 3);
    assert_eq!(number(&mut own, "SELECT count(*) FROM accounts WHERE kind = 'system' AND name = 'demo'").await, 1);
    let (clock, _) = Clock::read(&mut own.db(), false).await.unwrap();
    assert_eq!((clock.seq, clock.auth_rev), (i64::try_from(count).unwrap() + 1, 1));
}

#[tokio::test]
async fn it_loads_once_on_sqlite() {
    let folder = std::env::temp_dir().join(format!("cell-records-demo-{}", Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    loads(Url::Sqlite(folder.join("demo.db"))).await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn where_it_does_not_fit_nothing_is_stored() {
    let folder = std::env::temp_dir().join(format!("cell-records-demo-{}", Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let (database, writer) = started(Url::Sqlite(folder.join("demo.db"))).await;
    register(&writer).await.unwrap();
    let other = UnitCreate {
        id: Some(Uuid::now_v7()),
        parent_id: units::reference(ROOT),
        external_ids: super::ids::external("cell-05"),
        ..UnitCreate::new("Một chi bộ khác", UnitKind::Cell)
    };
    let command = Command { items: vec![item::<Unit>(&other, &[]).unwrap()], ..command() };
    let Outcome::Done(done) = writer.submit(command).await.unwrap() else { panic!() };
    assert!(done.applied, "{:?}", done.items);
    let refused = load_into(&database, &writer).await.unwrap_err();
    assert!(refused.contains("unit cell-05: external_id_taken"), "{refused}");
    let mut own = database.open().await.unwrap();
    assert_eq!(number(&mut own, "SELECT count(*) FROM units").await, 2);
    assert_eq!(number(&mut own, "SELECT count(*) FROM members").await, 0);
    std::fs::remove_dir_all(folder).unwrap();
}
