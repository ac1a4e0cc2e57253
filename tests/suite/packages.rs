//! The packages that are published.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What cargo knows of the workspace and of what it depends on, on this machine's platform.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = Command::new(cargo);
    command.args(["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &platform]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A version of Rust, to compare.
fn version(package: &Value) -> Vec<u32> {
    let text = package["rust_version"].as_str().unwrap_or("1.0");
    text.split('.').map(|number| number.parse().unwrap()).take(2).collect()
}

#[test]
fn the_published_packages_say_who_they_are_and_depend_on_nothing_that_needs_a_newer_rust() {
    let metadata = metadata();
    let by_id = |list: &Value| -> BTreeMap<String, Value> {
        let entries = list.as_array().unwrap().iter();
        entries.map(|entry| (entry["id"].as_str().unwrap().to_owned(), entry.clone())).collect()
    };
    let (packages, nodes) = (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
    let members = metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
    let published: Vec<&str> = members.filter(|id| packages[*id]["publish"].is_null()).collect();
    let names: BTreeSet<&str> = published.iter().map(|id| packages[*id]["name"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["cell-records-client", "cell-records-types", "cellsync"]));
    for root in published {
        let package = &packages[root];
        for said in ["description", "license", "readme", "rust_version"] {
            assert!(package[said].is_string(), "{}: {said}", package["name"]);
        }
        let (mut seen, mut open) = (BTreeSet::new(), vec![root]);
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            assert!(version(&packages[id]) <= version(package), "{} needs {}", package["name"], packages[id]["id"]);
            let used = |kinds: &Value| kinds.as_array().unwrap().iter().any(|kind| kind["kind"] != "dev");
            let needs = nodes[id]["deps"].as_array().unwrap().iter().filter(|one| used(&one["dep_kinds"]));
            open.extend(needs.map(|one| one["pkg"].as_str().unwrap()));
        }
        assert!(seen.len() > 10, "{}: {}", package["name"], seen.len());
    }
}
