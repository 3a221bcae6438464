//! Pages, server functions and the built site.
//!
//! Owns the way from a browser's request to `app`: session, guard, content policy, context. Does
//! not own any page.

pub(crate) mod confirmed;
mod context;
mod policy;
pub(crate) mod site;
pub(crate) mod trouble;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, Method, StatusCode, Uri};
use leptos_axum::{ErrorHandler, LeptosRoutes, generate_route_list};
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::limit::RequestBodyLimitLayer;

use crate::parts::Parts;
use crate::rest::error::{ApiError, not_found};
use crate::session;

/// The largest form: a few fields. It limits the body itself: server functions read theirs whole.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// Pages and server functions behind the session and the refusal of forged requests, and the
/// site's files and the way back from a bank's page, which need neither.
pub(crate) fn routes(parts: &Parts) -> anyhow::Result<Router<Parts>> {
    let pages = generate_route_list(app::App);
    let context = context::provider(parts.clone());
    let options = parts.leptos.clone();
    let csrf = CsrfLayer::new()
        .add_trusted_origin(parts.web.public_url.origin())?
        .with_rejection_response(forged);
    let guarded = Router::new()
        .leptos_routes_with_context(parts, pages, context, move || app::shell(options.clone()))
        .fallback(find_file_or_page)
        .layer(from_fn_with_state(parts.clone(), session::guard::apply))
        .layer(from_fn_with_state(parts.clone(), session::find))
        .layer(csrf)
        .layer(RequestBodyLimitLayer::new(MAX_FORM_BYTES))
        .layer(CompressionLayer::new());
    Ok(guarded
        .route("/pkg/{*path}", get(file))
        .route(confirmed::PATH, get(confirmed::show)))
}

/// A file of the built site.
async fn file(State(parts): State<Parts>, uri: Uri, headers: HeaderMap) -> Response {
    match parts.site.find(uri.path(), &headers) {
        Some(file) => file,
        None => not_found().await.into_response(),
    }
}

/// What no route matched: an icon, or nothing. People get a page, machines JSON.
async fn find_file_or_page(State(parts): State<Parts>, request: Request) -> Response {
    let path = request.uri().path();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_for_machines = ["/api/", "/v1/", "/webhooks/", "/sandbox"]
        .iter()
        .any(|prefix| path.starts_with(prefix));
    if is_for_machines || !is_read {
        return not_found().await.into_response();
    }
    if let Some(file) = parts.site.find(path, request.headers()) {
        return file;
    }
    if let Some(page) = without_final_slash(request.uri()) {
        return Redirect::permanent(&page).into_response();
    }
    let context = context::provider(parts.clone());
    let page = ErrorHandler::new_with_context(context, app::shell, parts.leptos.clone());
    match page.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The address without its last slash, where it has one: `/billing/` is `/billing`. Never one that
/// a browser could take for another site's.
fn without_final_slash(uri: &Uri) -> Option<String> {
    let path = uri.path().strip_suffix('/')?;
    let is_local = path.len() > 1 && !path.contains("//") && !path.contains('\\');
    let query = uri
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    is_local.then(|| format!("{path}{query}"))
}

/// A request that another site made a browser send.
fn forged(error: ProtectionError) -> Response {
    tracing::warn!(%error, "refused a request from another site");
    ApiError::new(
        StatusCode::FORBIDDEN,
        "cross_site_request",
        "this request came from another site and was refused",
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_slash_leads_to_the_page_and_never_to_another_site() {
        let page = |address: &str| without_final_slash(&address.parse().unwrap());
        assert_eq!(page("/billing/").as_deref(), Some("/billing"));
        assert_eq!(page("/billing/?add=1").as_deref(), Some("/billing?add=1"));
        for address in ["/", "/billing", "//evil.example/", "/a//b/"] {
            assert_eq!(page(address), None, "{address}");
        }
    }
}
