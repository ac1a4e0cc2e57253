//! What the service says of its record types is true, and enough to draw their tables and forms from.

use crate::support::http::{over, with_fields};
use crate::support::on_both_engines;
use cell_records_client::types::Uuid;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::metadata::{PartInfo, RecordTypeInfo, ValueInfo, ValueType};
use cell_records_client::types::record::ENVELOPE;
use cell_records_server::store::registry::{KINDS, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Each part of a value that has a label.
fn each_part<'a>(value: &'a ValueInfo, visit: &mut dyn FnMut(&'a PartInfo)) {
    for part in &value.fields {
        visit(part);
        each_part(&part.value, visit);
    }
    if let Some(items) = &value.items {
        each_part(items, visit);
    }
}

/// Each code list and each record type that a value names.
fn each_name<'a>(value: &'a ValueInfo, lists: &mut BTreeSet<&'a str>, types: &mut BTreeSet<&'a str>) {
    lists.extend(value.code_list.as_deref());
    types.extend(value.refers_to.as_deref());
    value.fields.iter().for_each(|part| each_name(&part.value, lists, types));
    value.items.iter().for_each(|items| each_name(items, lists, types));
}

fn names(fields: &Map<String, Value>) -> BTreeSet<&str> {
    fields.keys().map(String::as_str).collect()
}

on_both_engines! {
    async fn every_type_is_described_in_one_answer_that_names_nothing_outside_itself_but_codes_and_types(server: empty) {
        let admin = server.admin();
        let types = admin.record_types().await.unwrap().items;
        let codes = admin.code_lists().await.unwrap().items;
        assert!(codes.iter().flat_map(|list| &list.codes).all(|code| !code.label_vi.is_empty() && !code.label_en.is_empty()));
        let (mut lists, mut referred) = (BTreeSet::new(), BTreeSet::new());
        for (one, kind) in types.iter().zip(&KINDS) {
            assert_eq!((one.name.as_str(), one.collection.clone()), (kind.name, format!("/v1/{}", kind.plural)));
            let all: BTreeSet<&str> = ENVELOPE.iter().chain(kind.fields).map(|field| field.name).collect();
            assert_eq!(one.fields.iter().map(|field| field.name.as_str()).collect::<BTreeSet<_>>(), all, "{}", one.name);
            assert!(one.fields.iter().zip(1..).all(|(field, order)| field.order == order));
            let group = |name: &str| one.groups.iter().any(|group| group.name == name);
            for field in &one.fields {
                assert!(group(&field.group) && !field.description.is_empty(), "{field:?}");
                each_name(&field.value, &mut lists, &mut referred);
                each_part(&field.value, &mut |part| assert!(!part.description.is_empty() && !part.label_vi.is_empty(), "{part:?}"));
            }
            assert!(one.display.iter().all(|name| all.contains(name.as_str())));
            for filter in &one.filters {
                let other = filter.field.split_once('.').and_then(|(kind, field)| Kind::named(kind)?.field(field));
                assert!((all.contains(filter.field.as_str()) || other.is_some()) && !filter.label_vi.is_empty(), "{filter:?}");
                each_name(&filter.value, &mut lists, &mut referred);
            }
            for schema in [&one.schema, &one.create_schema, &one.update_schema] {
                assert!(schema["properties"].is_object() && !schema.to_string().contains("\"$ref\""), "{}", one.name);
            }
            let managed = |name: &str| one.fields.iter().any(|field| field.name == name && field.managed && field.name != "id");
            assert!(names(one.create_schema["properties"].as_object().unwrap()).into_iter().all(|name| !managed(name) || name == "unit_id"));
        }
        let known: BTreeSet<&str> = codes.iter().map(|list| list.name.as_str()).collect();
        assert!(lists.is_subset(&known), "{lists:?}");
        assert!(referred.iter().all(|name| types.iter().any(|one| one.name == *name)), "{referred:?}");
        let round = types.iter().find(|one| one.name == "evaluation_round").unwrap();
        let advance = round.verbs.iter().find(|verb| verb.name == "advance").unwrap();
        assert_eq!((advance.method.as_str(), advance.path.as_str()), ("POST", "/v1/evaluation_rounds/{id}/advance"));
        assert_eq!(advance.body.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["to", "on", "reason"]);
    }

    async fn the_description_is_sent_again_only_when_it_or_the_rights_changed(server: empty) {
        let ward = server.ward().await;
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let first = peer.get("/v1/record_types").await.is(200);
        let again = peer.get("/v1/record_types").header("if-none-match", first.etag()).await.is(304);
        assert!(again.text.is_empty());
        for path in ["/v1/code_lists", "/v1/rules"] {
            let lists = peer.get(path).await.is(200);
            peer.get(path).header("if-none-match", lists.etag()).await.is(304);
        }
        server.admin().systems().create_grant(peer.id.parse().unwrap(), &over(Role::CommitteeOffice, &ward.a)).await.unwrap();
        let start = std::time::Instant::now();
        while peer.get("/v1/record_types").header("if-none-match", first.etag()).await.status == 304 {
            assert!(start.elapsed() < std::time::Duration::from_secs(5), "a new grant shows nowhere");
        }
    }

    async fn the_rights_that_are_told_are_the_ones_that_hold(server: empty) {
        let ward = server.ward().await;
        for role in [Role::CommitteeOffice, Role::CellSecretary, Role::ExchangePeer, Role::Administrator] {
            let caller = server.acting(role.clone(), &ward.ward).await;
            let types = caller.get("/v1/record_types").await.is(200).body;
            let types: Vec<RecordTypeInfo> = serde_json::from_value(types["items"].clone()).unwrap();
            for (one, kind) in types.iter().zip(&KINDS) {
                let here = [ward.ward.parse::<Uuid>().unwrap()];
                let places = one.fields.iter().flat_map(|field| [&field.readable_in, &field.writable_in]);
                assert!(places.chain(one.verbs.iter().map(|verb| &verb.allowed_in)).all(|place| place.is_empty() || **place == here));
                let reads = one.fields.iter().filter(|field| !field.readable_in.is_empty());
                let told: BTreeSet<&str> = reads.map(|field| field.name.as_str()).collect();
                if told.is_empty() {
                    caller.get(&one.collection).await.refused(403, "type_not_readable");
                    continue;
                }
                let made = ward.record(kind, &ward.a).await;
                let path = format!("{}/{}", one.collection, made.id());
                let shown = caller.get(&path).await.is(200);
                let all = made.body.as_object().unwrap();
                let expected: BTreeSet<&str> = names(all).intersection(&told).copied().collect();
                assert_eq!(names(shown.body.as_object().unwrap()), expected, "{role} {}", one.name);
                let writes = one.fields.iter().any(|field| !field.writable_in.is_empty());
                for field in one.fields.iter().filter(|field| !field.managed && all.contains_key(&field.name)) {
                    let patch = json!({&field.name: all[&field.name]});
                    let refused = caller.patch(&format!("{path}?dry_run=true"), "*", patch).await;
                    // A field of the type's own that is only read may be sent as it is stored.
                    let is_read = told.contains(field.name.as_str()) && kind.field(&field.name).is_some();
                    let may = !field.writable_in.is_empty() || writes && is_read;
                    let is_refused = refused.status == 403 || refused.text.contains("field_not_writable");
                    assert_eq!(is_refused, !may, "{role} {}.{}: {}", one.name, field.name, refused.text);
                }
                for verb in &one.verbs {
                    assert_eq!(verb.roles.iter().any(|one| one == role.code()), !verb.allowed_in.is_empty(), "{role} {} {}", one.name, verb.name);
                }
            }
        }
    }

    async fn each_field_tells_the_outermost_units_where_its_caller_reads_and_writes_it(server: empty) {
        let ward = server.ward().await;
        let [all, a, b] = [&ward.ward, &ward.a, &ward.b].map(|unit| unit.parse::<Uuid>().unwrap());
        let caller = server.granted(vec![
            over(Role::CellSecretary, &ward.ward), over(Role::CommitteeOffice, &ward.a), with_fields(Role::ExchangePeer, &ward.b, &["member.religion"]),
        ]).await;
        let types = caller.get("/v1/record_types").await.is(200).body;
        let types: Vec<RecordTypeInfo> = serde_json::from_value(types["items"].clone()).unwrap();
        let member = types.iter().find(|one| one.name == "member").unwrap();
        let both = BTreeSet::from([a, b]);
        for (name, reads, writes) in [
            ("full_name", BTreeSet::from([all]), both.clone()), ("religion", both.clone(), BTreeSet::from([a])),
            ("ethnicity", BTreeSet::from([a]), BTreeSet::from([a])), ("unit_id", BTreeSet::from([all]), both.clone()),
            ("version", BTreeSet::from([all]), BTreeSet::new()),
        ] {
            let field = member.fields.iter().find(|field| field.name == name).unwrap();
            let told = [&field.readable_in, &field.writable_in].map(|units| units.iter().copied().collect::<BTreeSet<_>>());
            assert_eq!(told, [reads, writes], "{name}");
        }
        assert!(member.verbs.iter().all(|verb| verb.allowed_in.iter().copied().collect::<BTreeSet<_>>() == both), "{:?}", member.verbs);
    }

    async fn a_code_of_a_list_that_a_record_has_tells_where_the_list_is(server: empty) {
        let types = server.admin().record_types().await.unwrap().items;
        let named = |name: &str| types.iter().find(|one| one.name == name).unwrap();
        let mut told = BTreeSet::new();
        for one in &types {
            for field in &one.fields {
                let mut values = vec![(field.name.as_str(), &field.value)];
                each_part(&field.value, &mut |part| values.push((&part.name, &part.value)));
                for (name, value) in values.into_iter().filter(|(_, value)| value.kind == ValueType::Code && value.code_list.is_none()) {
                    let options = value.options.as_ref().unwrap();
                    let reference = |at: &str, name: &String| {
                        let field = named(at).fields.iter().find(|field| field.name == *name).unwrap();
                        field.value.refers_to.clone().unwrap()
                    };
                    let holder = options.from.iter().fold(one.name.clone(), |at, name| reference(&at, name));
                    let list = named(&holder).fields.iter().find(|field| field.name == options.list).unwrap();
                    let parts: Vec<&String> = list.value.items.as_ref().unwrap().fields.iter().map(|part| &part.name).collect();
                    assert!([&options.code, &options.label_vi, &options.label_en].iter().all(|name| parts.contains(name)), "{options:?}");
                    told.insert(format!("{}.{name} {} {}.{}", one.name, options.from.join("."), holder, options.list));
                }
            }
        }
        let of = |one: &str, level: &str| format!("{one}.{level}_level round_id.scheme_id evaluation_scheme.levels");
        let mut expected: BTreeSet<String> = ["self", "proposed", "final"].iter().flat_map(|level| [of("member_evaluation", level), of("unit_evaluation", level)]).collect();
        expected.extend([of("member_evaluation", "cell"), "evaluation_scheme.level  evaluation_scheme.levels".into()]);
        assert_eq!(told, expected);
    }

    async fn a_create_without_a_field_gets_the_default_that_is_told(server: empty) {
        let ward = server.ward().await;
        let types = server.admin().record_types().await.unwrap().items;
        for (one, kind) in types.iter().zip(&KINDS) {
            let mut body = ward.body(kind, &ward.a).await;
            let told = one.fields.iter().filter_map(|field| Some((field.name.as_str(), field.default.as_ref()?)));
            let told: Vec<_> = told.collect();
            for (name, _) in &told {
                body.as_object_mut().unwrap().remove(*name);
            }
            let made = ward.writer.post(&one.collection, body).await.is(201).body;
            for (name, value) in told {
                // What is not said to be true is not stored.
                let stored = made.get(name).unwrap_or(&Value::Bool(false));
                assert_eq!(stored, value, "{}.{name}", one.name);
            }
        }
    }
}
