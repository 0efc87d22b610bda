//! `GET /v1/admin/openapi.json`: what this API can do, for programs (OpenAPI 3.1).
//!
//! The documents' schemas are those that the types themselves give ([`schemars`]), so they cannot drift.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use carillon_schemas::fleet_file::FleetFile;
use carillon_schemas::{Account, Problem, Secret};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, ObjectBuilder, OpenApiBuilder, Ref,
    ResponseBuilder,
};

use super::bodies::{
    FleetAnswer, NewDesk, NewPassword, TicketAnswer, TicketWanted, TokenAnswer, TokenWanted,
};
use crate::fleet::{AuditEntry, TicketRecord};
use crate::service::{Applied, DeskPage, DeskRow};
use crate::store::AdminToken;

/// One thing that can be done.
struct Operation {
    method: HttpMethod,
    path: &'static str,
    summary: &'static str,
    /// Query parameters.
    query: &'static [&'static str],
    /// The schema of what is sent, with its media type.
    body: Option<(&'static str, &'static str)>,
    /// The status when it is done, and the schema of the answer.
    answer: (&'static str, Option<&'static str>),
}

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

const OPERATIONS: [Operation; 17] = {
    use HttpMethod::{Delete, Get, Post, Put};
    const fn get(path: &'static str, summary: &'static str, answer: &'static str) -> Operation {
        Operation {
            method: Get,
            path,
            summary,
            query: &[],
            body: None,
            answer: ("200", Some(answer)),
        }
    }
    const DESK: &str = "/v1/admin/desks/{desk}";
    const ACCOUNT: &str = "/v1/admin/desks/{desk}/accounts/{account}";
    [
        get("/v1/admin/fleet", "The fleet in brief", "FleetAnswer"),
        get("/v1/admin/desks", "All desks by name", "[DeskRow]"),
        Operation {
            method: Post,
            body: Some((JSON, "NewDesk")),
            answer: ("201", Some("DeskRow")),
            ..get("/v1/admin/desks", "Add a desk", "DeskRow")
        },
        get(DESK, "One desk with its events, by name", "DeskPage"),
        Operation {
            method: Delete,
            answer: ("204", None),
            ..get(DESK, "Take a desk out of the fleet", "DeskRow")
        },
        Operation {
            method: Post,
            ..get(
                "/v1/admin/desks/{desk}/revoke",
                "Shut a desk out for good",
                "DeskRow",
            )
        },
        Operation {
            method: Put,
            body: Some((JSON, "Account")),
            ..get(
                ACCOUNT,
                "Add or replace an account; without a password, the one held stays",
                "DeskRow",
            )
        },
        Operation {
            method: Delete,
            ..get(ACCOUNT, "Take an account off a desk", "DeskRow")
        },
        Operation {
            method: Put,
            body: Some((JSON, "NewPassword")),
            ..get(
                "/v1/admin/desks/{desk}/accounts/{account}/password",
                "Give an account another password",
                "DeskRow",
            )
        },
        get(
            "/v1/admin/tickets",
            "Tickets, newest first, without their tokens",
            "[TicketRecord]",
        ),
        Operation {
            method: Post,
            body: Some((JSON, "TicketWanted")),
            answer: ("201", Some("TicketAnswer")),
            ..get("/v1/admin/tickets", "Make a ticket", "TicketAnswer")
        },
        Operation {
            method: Post,
            query: &["dry_run", "prune"],
            body: Some((YAML, "FleetFile")),
            ..get(
                "/v1/admin/apply",
                "Lay a fleet.yaml over the fleet: all of it or nothing",
                "Applied",
            )
        },
        get(
            "/v1/admin/export",
            "The fleet as fleet.yaml without passwords",
            YAML,
        ),
        Operation {
            query: &["after", "limit"],
            ..get("/v1/admin/audit", "The audit log, in order", "[AuditEntry]")
        },
        get(
            "/v1/admin/tokens",
            "Admin tokens, without the tokens themselves",
            "[AdminToken]",
        ),
        Operation {
            method: Post,
            body: Some((JSON, "TokenWanted")),
            answer: ("201", Some("TokenAnswer")),
            ..get("/v1/admin/tokens", "Make an admin token", "TokenAnswer")
        },
        Operation {
            method: Delete,
            answer: ("204", None),
            ..get(
                "/v1/admin/tokens/{id}",
                "Withdraw an admin token",
                "AdminToken",
            )
        },
    ]
};

pub(super) async fn show() -> HttpResponse {
    HttpResponse::Ok().json(&*DOCUMENT)
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

fn document() -> Value {
    let paths = OPERATIONS.iter().fold(PathsBuilder::new(), |paths, op| {
        paths.path(op.path, PathItem::new(op.method.clone(), operation(op)))
    });
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An admin token"))
        .build();
    let openapi = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Carillon provisioning server: the admin API")
                .version(env!("CARGO_PKG_VERSION"))
                .build(),
        )
        .paths(paths)
        .components(Some(
            ComponentsBuilder::new()
                .security_scheme("admin_token", SecurityScheme::Http(token))
                .build(),
        ))
        .security(Some([SecurityRequirement::new(
            "admin_token",
            Vec::<String>::new(),
        )]))
        .build();
    let mut document = serde_json::to_value(&openapi).unwrap_or_default();
    document["components"]["schemas"] = schemas();
    document
}

fn operation(op: &Operation) -> utoipa::openapi::path::Operation {
    let parameter = |name: &str, place, required| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .schema(Some(
                ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String),
            ))
            .build()
    };
    let content = |schema: &str| {
        let reference = |name: &str| Ref::from_schema_name(name.to_owned());
        match schema.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            Some(item) => ContentBuilder::new()
                .schema(Some(
                    utoipa::openapi::schema::ArrayBuilder::new().items(reference(item)),
                ))
                .build(),
            None => ContentBuilder::new()
                .schema(Some(reference(schema)))
                .build(),
        }
    };
    let in_path = op
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut builder = OperationBuilder::new().summary(Some(op.summary));
    for name in in_path {
        builder = builder.parameter(parameter(
            name,
            ParameterIn::Path,
            utoipa::openapi::Required::True,
        ));
    }
    for name in op.query {
        builder = builder.parameter(parameter(
            name,
            ParameterIn::Query,
            utoipa::openapi::Required::False,
        ));
    }
    if let Some((media_type, schema)) = op.body {
        builder = builder.request_body(Some(
            RequestBodyBuilder::new()
                .content(media_type, content(schema))
                .required(Some(utoipa::openapi::Required::True))
                .build(),
        ));
    }
    let done = ResponseBuilder::new().description("Done");
    let (status, schema) = op.answer;
    let done = match schema {
        None => done,
        Some(YAML) => done.content(YAML, content("FleetFile")),
        Some(schema) => done.content(JSON, content(schema)),
    };
    builder
        .response(status, done)
        .response(
            "default",
            ResponseBuilder::new()
                .description("What went wrong")
                .content(carillon_schemas::problem::CONTENT_TYPE, content("Problem")),
        )
        .build()
}

fn schemas() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into());
    let mut generator = SchemaGenerator::new(settings);
    let mut named = serde_json::Map::new();
    let mut add = |name: &str, schema: schemars::Schema| {
        named.insert(name.to_owned(), schema.to_value());
    };
    add("Account", root::<Account<Secret>>(&mut generator));
    add("AdminToken", root::<AdminToken>(&mut generator));
    add("Applied", root::<Applied>(&mut generator));
    add("AuditEntry", root::<AuditEntry>(&mut generator));
    add("DeskPage", root::<DeskPage>(&mut generator));
    add("DeskRow", root::<DeskRow>(&mut generator));
    add("FleetAnswer", root::<FleetAnswer>(&mut generator));
    add("FleetFile", root::<FleetFile>(&mut generator));
    add("NewDesk", root::<NewDesk>(&mut generator));
    add("NewPassword", root::<NewPassword>(&mut generator));
    add("Problem", root::<Problem>(&mut generator));
    add("TicketAnswer", root::<TicketAnswer>(&mut generator));
    add("TicketRecord", root::<TicketRecord>(&mut generator));
    add("TicketWanted", root::<TicketWanted>(&mut generator));
    add("TokenAnswer", root::<TokenAnswer>(&mut generator));
    add("TokenWanted", root::<TokenWanted>(&mut generator));
    for (name, schema) in generator.take_definitions(true) {
        named.entry(name).or_insert(schema);
    }
    Value::Object(named)
}

/// The schema of a type in full, even where others refer to it.
fn root<T: JsonSchema>(generator: &mut SchemaGenerator) -> schemars::Schema {
    T::json_schema(generator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_is_there() {
        let document = document();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > OPERATIONS.len());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        let methods: usize = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|path| path.as_object().unwrap().len())
            .sum();
        assert_eq!(methods, OPERATIONS.len());
        assert_eq!(document["openapi"], "3.1.0");
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    references.push(reference.clone());
                }
                map.values().for_each(|v| collect(v, references));
            }
            Value::Array(items) => items.iter().for_each(|v| collect(v, references)),
            _ => {}
        }
    }
}
