//! JSON Schemas of every document, generated from the types; `schemas/json` holds the printed form.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};

use crate::config::DeskConfig;
use crate::desk_token::Claims;
use crate::enrolment::{EnrolAnswer, EnrolRequest, RotateKeys};
use crate::envelope::Envelope;
use crate::fleet_file::FleetFile;
use crate::order::{Order, OrderResult};
use crate::problem::Problem;
use crate::status::{StatusAnswer, StatusReport};
use crate::trust::{Freshness, TrustRoot};

/// Every document with the name of its file, without extension.
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("desk-config", schema::<DeskConfig>()),
        ("desk-token", schema::<Claims>()),
        ("enrol-answer", schema::<EnrolAnswer>()),
        ("enrol-request", schema::<EnrolRequest>()),
        ("envelope", schema::<Envelope>()),
        ("fleet-file", closed(schema::<FleetFile>())),
        ("freshness", schema::<Freshness>()),
        ("order", schema::<Order>()),
        ("order-result", schema::<OrderResult>()),
        ("problem", schema::<Problem>()),
        ("rotate-keys", schema::<RotateKeys>()),
        ("status-answer", schema::<StatusAnswer>()),
        ("status-report", schema::<StatusReport>()),
        ("trust-root", schema::<TrustRoot>()),
    ]
}

fn schema<T: JsonSchema>() -> Schema {
    SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<T>()
}

/// The schema with unknown keys refused at every level, as [`crate::strict`] does.
fn closed(mut schema: Schema) -> Schema {
    fn close(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.values_mut().for_each(close);
                if map
                    .get("properties")
                    .is_some_and(serde_json::Value::is_object)
                {
                    map.insert("additionalProperties".into(), false.into());
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut value = std::mem::take(&mut schema).to_value();
    close(&mut value);
    Schema::try_from(value).unwrap_or_default()
}
