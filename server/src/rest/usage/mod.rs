//! `/v1/usage`: what was used, summed up.
//!
//! `show` is the route, `wire` is how what it finds is written.

mod show;
mod wire;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Parts;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::default().routes(routes!(show::show))
}
