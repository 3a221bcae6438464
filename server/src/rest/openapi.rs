//! The API's description of itself: OpenAPI 3.1, made of the same declarations as the routes.
//!
//! Owns what is common to all routes. Served at `/openapi.json`, as a page at `/docs`, and kept in
//! `docs/openapi.json`, so that a change of the API is there to be reviewed.

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa::ToSchema;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error;
use crate::parts::Parts;
use crate::router;

const INTRODUCTION: &str = "For inference gateways and other programs: report what was used, read \
    what is left and what moved it.\n\nEvery answer carries `x-request-id`, the id under which our \
    logs know the request. Amounts are exact decimal strings of US dollars: read them as decimals, \
    not as binary floating point.";

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::default().routes(routes!(show))
}

/// Read this description
///
/// OpenAPI 3.1, made from the running program.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "readDescription",
    tag = "Operation",
    responses((status = 200, description = "The description.", body = Object)),
)]
async fn show() -> Response {
    let mut response = document().json.clone().into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The description, as it is served and as it is read.
pub(super) struct Document {
    json: String,
    pub api: OpenApi,
}

/// It is the same for as long as the program runs.
pub(super) fn document() -> &'static Document {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let api = describe(router::machines().into_openapi());
        let mut json = serde_json::to_string_pretty(&api).expect("names and texts are JSON");
        json.push('\n');
        Document { json, api }
    })
}

/// Adds what no single route says.
fn describe(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("ZeroGPU Billing")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .license(Some(
            LicenseBuilder::new()
                .name("MIT OR Apache-2.0")
                .identifier(Some("MIT OR Apache-2.0"))
                .build(),
        ))
        .build();
    let tags = [
        ("Usage", "What ran and is to be paid for."),
        (
            "Holds",
            "Credit that is set aside before a request runs, and settled when it has run.",
        ),
        ("Balance", "What is left, and what moved it."),
        ("Gateway", "For the payment gateway alone."),
        ("Operation", "For whoever runs the server."),
    ];
    let tag = |(name, text)| TagBuilder::new().name(name).description(Some(text)).build();
    api.tags = Some(tags.into_iter().map(tag).collect());
    let found = api.components.take().unwrap_or_default();
    api.components = Some(components(found));
    api
}

fn components(found: Components) -> Components {
    let in_header = ApiKeyValue::with_description(
        "x-api-key",
        "A key of your organization, `zgpu-…`. It belongs to one project.",
    );
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some("The same key, for clients that were made for OpenMeter.".to_owned());
    let mut refusal = Vec::new();
    error::Body::schemas(&mut refusal);
    ComponentsBuilder::from(found)
        .schemas_from_iter(refusal)
        .schema_from::<error::Body>()
        .security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(in_header)))
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .build()
}
