//! Who a machine's request stands for: the key in `x-api-key`, and `x-project-id` if it is sent.

use axum::extract::FromRequestParts;
use billing::ApiKeyCaller;
use http::request;
use http::{HeaderMap, StatusCode};
use types::ids::ProjectId;

use super::error::ApiError;
use crate::parts::Parts;

/// Our keys are far shorter; what is longer is not worth hashing.
const MAX_KEY_BYTES: usize = 256;

/// A caller whose key was recognised.
pub(crate) struct Caller(pub ApiKeyCaller);

impl FromRequestParts<Parts> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(
        request: &mut request::Parts,
        parts: &Parts,
    ) -> Result<Self, ApiError> {
        let Some(key) = single(&request.headers, "x-api-key")? else {
            return Err(unauthorized(
                "missing_api_key",
                "send your API key in x-api-key",
            ));
        };
        if key.len() > MAX_KEY_BYTES {
            return Err(unknown_key());
        }
        let mut caller = parts
            .billing
            .api_keys()
            .authenticate(key)
            .await?
            .ok_or_else(unknown_key)?;
        if let Some(project) = single(&request.headers, "x-project-id")? {
            caller.project = find_project(parts, &caller, project).await?;
        }
        Ok(Self(caller))
    }
}

/// A project of the key's own organization: another's looks exactly like one that is not there.
async fn find_project(
    parts: &Parts,
    caller: &ApiKeyCaller,
    text: &str,
) -> Result<ProjectId, ApiError> {
    let unknown = || {
        ApiError::invalid(
            "unknown_project",
            "there is no such project in your organization",
        )
        .at("x-project-id")
    };
    let project: ProjectId = text.parse().map_err(|_| unknown())?;
    if project == caller.project {
        return Ok(project);
    }
    let projects = parts
        .billing
        .tenancy()
        .projects(caller.organization)
        .await?;
    projects
        .iter()
        .any(|known| known.id == project)
        .then_some(project)
        .ok_or_else(unknown)
}

/// A header that may be there once; twice would leave it open which one counts.
fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        let message = format!("{name} is there twice");
        return Err(ApiError::invalid("repeated_header", message).at(name));
    }
    value.to_str().map(Some).map_err(|_| {
        let message = format!("{name} is not plain text");
        ApiError::invalid("unreadable_header", message).at(name)
    })
}

fn unknown_key() -> ApiError {
    unauthorized("invalid_api_key", "this API key is unknown or was revoked")
}

fn unauthorized(code: &'static str, message: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, code, message)
}
