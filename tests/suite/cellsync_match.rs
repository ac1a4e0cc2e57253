//! `cellsync match`: two systems that hold the same people, from the trial over a person's decision to the first push.

use crate::cellsync::{cellsync, ran};
use crate::support::http::{Caller, with_fields};
use crate::support::on_both_engines;
use crate::support::ward::member;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};
use std::path::Path;

/// A person of a cell, with a name of the test's own.
fn person(cell: &str, name: &str, more: Value) -> Value {
    let mut fields = member(cell);
    fields["full_name"] = json!(name);
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields
}

fn line(system: &Caller, value: &str, fields: Value) -> String {
    json!({"op": "upsert", "type": "member", "id": format!("ext:{}:{value}", system.code), "fields": fields})
        .to_string()
}

/// The lines of a table, without its first.
fn lines(file: &str) -> Vec<String> {
    std::fs::read_to_string(file).unwrap().lines().skip(1).map(str::to_owned).collect()
}

on_both_engines! {
    async fn two_systems_with_the_same_people_end_with_one_record_each(server: empty) {
        let ward = server.ward().await;
        let city = server.acting(Role::CommitteeOffice, &ward.ward).await;
        let province = server.acting(Role::CommitteeOffice, &ward.a).await;
        let known = |system: &Caller, value: &str, fields: Value| {
            let mut body = fields;
            body["external_ids"] = json!([{"system": system.code, "value": value}]);
            body
        };
        let number = json!({"profile_number": "123456NA"});
        let (an, binh, cuc, dung) = (
            person(&ward.a, "Nguyễn Thị An", number.clone()), person(&ward.a, "Trần Văn Bình", json!({})),
            person(&ward.a, "Hồ Thị Cúc", json!({})), person(&ward.a, "Lê Văn Dũng", json!({})),
        );
        let first = city.post("/v1/members", known(&city, "C-1", an.clone())).await.is(201).id();
        let second = city.post("/v1/members", known(&city, "C-2", binh.clone())).await.is(201).id();
        // Out of the province's sight is one who is like its Cúc.
        let stranger = city.post("/v1/members", known(&city, "C-3", person(&ward.b, "Hồ Thị Cúc", json!({})))).await.is(201).id();
        let fourth = province.post("/v1/members", known(&province, "T-4", dung.clone())).await.is(201).id();

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let cellsync = || cellsync(server, province.token.as_ref().unwrap(), Path::new(&at("copy.sqlite")));
        let (people, pairs) = (at("people.ndjson"), at("pairs.csv"));
        let good = [
            line(&province, "T-1", person(&ward.a, "Nguyễn Thị An", number)), line(&province, "T-2", binh),
            line(&province, "T-3", cuc), line(&province, "T-4", dung),
        ].join("\n");
        let all = format!("{good}\n{}", line(&province, "T-5", person(&ward.a, "=1+1", json!({"birth_date": "9999-01-01"}))));
        std::fs::write(&people, &all).unwrap();
        let (status, out, err) = ran(cellsync(), &["match", &people, "--out", &pairs]).await;
        assert!(status == 1 && out.contains("matched 5 people: 1 known, 1 exact, 1 unclear, 1 new, 1 refused"), "{out}{err}");
        let table = lines(&pairs);
        let unit = city.get(&format!("/v1/units/{}", ward.a)).await.is(200).body["name"].as_str().unwrap().to_owned();
        let code = &province.code;
        for (line, begins) in table.iter().zip([
            format!("yes,exact,ext:{code}:T-1,Nguyễn Thị An,1980-05-19,{first},1,profile_number,Nguyễn Thị An,1980-05-19,{unit},"),
            format!(",unclear,ext:{code}:T-2,Trần Văn Bình,1980-05-19,{second},1,name_birth,Trần Văn Bình,1980-05-19,{unit},"),
            format!(",new,ext:{code}:T-3,Hồ Thị Cúc,1980-05-19,,,,,,,"),
            format!(",known,ext:{code}:T-4,Lê Văn Dũng,1980-05-19,{fourth},1,external_id,Lê Văn Dũng,1980-05-19,{unit},"),
            format!(",refused,ext:{code}:T-5,'=1+1,9999-01-01,,,,,,,"),
        ]) {
            assert!(line.starts_with(&begins), "{line}\n{begins}");
        }
        assert!(table.len() == 5 && table.iter().all(|line| !line.contains(&stranger) && !line.contains("C-3")), "{table:?}");
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&pairs).unwrap()) & 0o777, 0o600);
        let read = async |id: &str| city.get(&format!("/v1/members/{id}")).await.is(200).body;
        assert_eq!(read(&first).await["version"], 1, "a trial stores nothing");
        let (status, _, err) = ran(cellsync(), &["match", &people, "--out", &pairs]).await;
        assert!(status == 2 && err.contains("--force"), "{err}");

        // A person looks at it, in a spreadsheet that writes semicolons, and deletes a line. Two records for one person are refused.
        let table = std::fs::read_to_string(&pairs).unwrap().replace("\n,unclear,", "\nYes,unclear,");
        let decided: String = table.lines().filter(|line| !line.contains(",refused,")).map(|line| line.replace(',', ";") + "\n").collect();
        std::fs::write(&pairs, format!("{decided}{}", decided.lines().nth(1).unwrap())).unwrap();
        let apply = ["match", &people, "--apply", &pairs];
        let (status, _, err) = ran(cellsync(), &apply).await;
        assert!(status == 2 && err.contains("line 6: ") && err.contains("second record") && err.contains("nothing is sent"), "{err}");
        std::fs::write(&pairs, &decided).unwrap();
        for said in ["applied 2 pairs: 2 written, 0 there already, 0 refused", "applied 2 pairs: 0 written, 2 there already, 0 refused"] {
            let (status, out, err) = ran(cellsync(), &apply).await;
            assert!(status == 0 && out.contains(said), "{out}{err}");
            assert_eq!((&read(&first).await["version"], &read(&second).await["version"]), (&json!(2), &json!(2)));
        }

        std::fs::write(&people, &good).unwrap();
        let (status, out, err) = ran(cellsync(), &["push", &people]).await;
        assert!(status == 0 && out.contains("4 accepted"), "{out}{err}");
        let mut ids: Vec<Vec<String>> = Vec::new();
        for record in province.all("/v1/members?limit=500").await.0 {
            let mut of_one: Vec<String> = record["external_ids"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect();
            of_one.sort();
            ids.push(of_one);
        }
        ids.sort();
        assert_eq!(ids, [vec!["C-1", "T-1"], vec!["C-2", "T-2"], vec!["T-3"], vec!["T-4"]]);
    }

    async fn the_people_of_the_guide_are_matched_and_pushed_with_a_number_that_may_only_be_read(server: demo) {
        let peer = server.granted(vec![with_fields(Role::ExchangePeer, "ext:demo:ward", &["member.profile_number"])]).await;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let cellsync = || cellsync(server, peer.token.as_ref().unwrap(), Path::new(&at("copy.sqlite")));
        let (people, pairs) = (at("people.ndjson"), at("pairs.csv"));
        let guide = include_str!("../../docs/SYNC.md").lines().filter(|line| line.contains(r#""id":"ext:thanh-pho-vinh:100"#));
        let lines: Vec<String> = guide.map(|line| line.replace("thanh-pho-vinh", &peer.code)).collect();
        std::fs::write(&people, lines.join("\n")).unwrap();
        let (status, out, err) = ran(cellsync(), &["match", &people, "--out", &pairs]).await;
        assert!(status == 1 && out.contains("matched 3 people: 0 known, 1 exact, 1 unclear, 1 new, 0 refused"), "{out}{err}");
        let decided = std::fs::read_to_string(&pairs).unwrap().replace("\n,unclear,", "\nyes,unclear,");
        std::fs::write(&pairs, decided).unwrap();
        let (status, out, err) = ran(cellsync(), &["match", &people, "--apply", &pairs]).await;
        assert!(status == 0 && out.contains("applied 2 pairs: 2 written, 0 there already, 0 refused"), "{out}{err}");
        let (status, out, err) = ran(cellsync(), &["push", &people]).await;
        assert!(status == 0 && out.contains("pushed 3 items: 3 accepted, 0 conflicts, 0 invalid, 0 blocked, 0 still waiting"), "{out}{err}");
    }

    async fn a_pair_whose_record_has_changed_since_is_refused(server: empty) {
        let ward = server.ward().await;
        let office = server.acting(Role::CommitteeOffice, &ward.a).await;
        let fields = person(&ward.a, "Phan Văn Em", json!({"personal_id": "040180000077"}));
        let id = ward.office.post("/v1/members", fields.clone()).await.is(201).id();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let cellsync = || cellsync(server, office.token.as_ref().unwrap(), Path::new(&at("copy.sqlite")));
        let (people, pairs) = (at("people.ndjson"), at("pairs.csv"));
        // Two of one system with one number: only the first is proposed.
        let two = [line(&office, "E-1", fields.clone()), line(&office, "E-2", fields)].join("\n");
        std::fs::write(&people, two).unwrap();
        let (status, out, err) = ran(cellsync(), &["match", &people, "--out", &pairs]).await;
        assert!(status == 1 && out.contains("0 known, 1 exact, 1 unclear"), "{out}{err}");
        assert!(lines(&pairs).iter().all(|line| line.contains(&format!(",{id},1,personal_id,"))), "{:?}", lines(&pairs));
        ward.office.patch(&format!("/v1/members/{id}"), "*", json!({"occupation_current": "Giáo viên"})).await.is(200);
        let (status, out, err) = ran(cellsync(), &["match", &people, "--apply", &pairs]).await;
        assert!(status == 1 && out.contains("conflict (version), the server has version 2") && out.contains("0 written, 0 there already, 1 refused"), "{out}{err}");
        let (status, out, _) = ran(cellsync(), &["match", &people, "--out", &pairs, "--force"]).await;
        assert!(status == 1 && out.contains("1 exact"), "{out}");
        let (status, out, err) = ran(cellsync(), &["match", &people, "--apply", &pairs]).await;
        assert!(status == 0 && out.contains("applied 1 pair: 1 written"), "{out}{err}");
    }
}
