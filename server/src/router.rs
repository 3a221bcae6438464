//! The one list of routes.
//!
//! | path | what | who may |
//! | --- | --- | --- |
//! | `/`, `/billing`, … | pages (`app`) | a session; without one: 303 to `/login` |
//! | `/login` | sign-in | anyone |
//! | `/api/*` | server functions (`app`) | a session, from our own pages only |
//! | `/v1/*`, `/api/v1/events` | machine API (`rest`) | an API key |
//! | `/openapi.json`, `/docs` | the machine API's description (`rest`) | anyone |
//! | `/webhooks/stripe` | notices (`webhooks`) | whoever signs like the gateway |
//! | `/sandbox/*` | the built-in processor, when no gateway is set | its own keys |
//! | `/healthz`, `/readyz`, `/metrics` | operation | anyone who reaches them |
//! | `/pkg/*`, `/favicon.svg`, … | the built site | anyone |

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::middleware::{observe, panic, security_headers, time_limit};
use crate::parts::{Parts, SANDBOX_PATH};
use crate::{operation, rest, web, webhooks};

/// The routes of machines, with their description.
pub(crate) fn machines() -> OpenApiRouter<Parts> {
    rest::routes()
        .merge(webhooks::routes())
        .merge(operation::routes())
}

/// All routes with what is common to them. The layer named last is the outermost.
///
/// # Errors
/// When the public address cannot be compared with a browser's `Origin`.
pub(crate) fn router(parts: Parts) -> anyhow::Result<Router> {
    let (machines, _) = machines().split_for_parts();
    let machines = machines
        .merge(rest::docs::routes())
        .method_not_allowed_fallback(rest::error::method_not_allowed);
    let mut routes = Router::new().merge(machines).merge(web::routes(&parts)?);
    if let Some(sandbox) = &parts.sandbox {
        routes = routes.nest_service(SANDBOX_PATH, sandbox.router());
    }
    Ok(routes
        .layer(from_fn(time_limit::apply))
        .layer(CatchPanicLayer::custom(panic::answer))
        .layer(from_fn_with_state(parts.clone(), web::trouble::apply))
        .layer(from_fn_with_state(parts.clone(), security_headers::apply))
        .layer(from_fn(observe::apply))
        .with_state(parts))
}
