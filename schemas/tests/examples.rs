//! The examples hold against the schemas, and the schemas in `json/` are those of the types.

use std::path::PathBuf;

use carillon_schemas::fleet_file::FleetFile;
use carillon_schemas::json_schema;
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Write the files anew with `UPDATE_SCHEMAS=1 cargo test -p carillon-schemas`.
#[test]
fn printed_schemas_are_those_of_the_types() {
    let mut expected: Vec<_> = Vec::new();
    for (name, schema) in json_schema::all() {
        let path = folder("json").join(format!("{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            on_disk, text,
            "{name}.json differs from its type: run UPDATE_SCHEMAS=1 cargo test -p carillon-schemas"
        );
        expected.push(path);
    }
    for entry in std::fs::read_dir(folder("json")).unwrap() {
        let path = entry.unwrap().path();
        assert!(expected.contains(&path), "{path:?} belongs to no type");
    }
}

#[test]
fn every_example_is_valid() {
    let schemas = json_schema::all();
    let mut examples = 0;
    for entry in std::fs::read_dir(folder("examples")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let name = if stem == "fleet" { "fleet-file" } else { stem };
        let (_, schema) = schemas
            .iter()
            .find(|(n, _)| *n == name)
            .unwrap_or_else(|| panic!("no schema for {path:?}"));
        let instance: Value =
            serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&serde_json::to_value(schema).unwrap()).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&instance)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{path:?}: {errors:#?}");
        examples += 1;
    }
    assert!(examples >= 3);
}

#[test]
fn the_fleet_example_reads_strictly() {
    let text = std::fs::read_to_string(folder("examples").join("fleet.yaml")).unwrap();
    let fleet = FleetFile::from_yaml(&text).unwrap();
    assert_eq!(fleet.desks.len(), 2);
    assert_eq!(fleet.desks[0].accounts[1].digest_user(), "bell");
}
