//! Archives as a browser would read them.

use std::path::Path;

use serde_json::Value;

/// The entries of an archive, validated against the schema of HAR 1.2.
pub(crate) fn entries_of(file: impl AsRef<Path>) -> Vec<Value> {
    let archive = std::fs::read_to_string(file).unwrap();
    let archive: Value = serde_json::from_str(&archive).unwrap();
    let schema = include_str!("../fixtures/har.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    if let Err(error) = schema.validate(&archive) {
        panic!("{error} at {}: {archive}", error.instance_path());
    }
    archive["log"]["entries"].as_array().unwrap().clone()
}
