//! Who a machine's request stands for: the key in `x-api-key`, and `x-project-id` if it is sent.
//! Clients made for OpenMeter send the key as `Authorization: Bearer`, at their own path alone:
//! where two places count, a proxy and we may read different ones.

use axum::extract::FromRequestParts;
use billing::ApiKeyCaller;
use http::header::AUTHORIZATION;
use http::{HeaderMap, request};
use types::ids::ProjectId;

use super::error::{ApiError, Challenge};
use crate::parts::Parts;

/// Our keys are far shorter; what is longer is not worth hashing.
const MAX_KEY_BYTES: usize = 256;

/// The scheme's name and the space behind it.
const BEARER: &str = "bearer ";

/// A caller whose key in `x-api-key` was recognised.
pub(crate) struct Caller(pub ApiKeyCaller);

impl FromRequestParts<Parts> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(
        request: &mut request::Parts,
        parts: &Parts,
    ) -> Result<Self, ApiError> {
        let key = single(&request.headers, "x-api-key")?;
        let missing = "send your API key in x-api-key";
        recognise(parts, &request.headers, key, Challenge::ApiKey, missing)
            .await
            .map(Self)
    }
}

/// A caller whose key in `Authorization: Bearer` was recognised.
pub(crate) struct BearerCaller(pub ApiKeyCaller);

impl FromRequestParts<Parts> for BearerCaller {
    type Rejection = ApiError;

    async fn from_request_parts(
        request: &mut request::Parts,
        parts: &Parts,
    ) -> Result<Self, ApiError> {
        let key = single(&request.headers, AUTHORIZATION.as_str())?.and_then(bearer);
        let missing = "send your API key as Authorization: Bearer";
        recognise(parts, &request.headers, key, Challenge::Bearer, missing)
            .await
            .map(Self)
    }
}

/// The token of a bearer's header; the scheme is read in any case.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| token.trim())
}

async fn recognise(
    parts: &Parts,
    headers: &HeaderMap,
    key: Option<&str>,
    challenge: Challenge,
    missing: &'static str,
) -> Result<ApiKeyCaller, ApiError> {
    let unknown = || {
        let message = "this API key is unknown or was revoked";
        ApiError::unauthorized(challenge, "invalid_api_key", message)
    };
    let key = key.ok_or_else(|| ApiError::unauthorized(challenge, "missing_api_key", missing))?;
    if key.len() > MAX_KEY_BYTES {
        return Err(unknown());
    }
    let found = parts.billing.api_keys().authenticate(key).await?;
    let mut caller = found.ok_or_else(unknown)?;
    if let Some(project) = single(headers, "x-project-id")? {
        caller.project = find_project(parts, &caller, project).await?;
    }
    Ok(caller)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearers_token_is_what_stands_behind_the_scheme() {
        let cases = [
            ("Bearer zgpu-1", Some("zgpu-1")),
            ("bearer  zgpu-1 ", Some("zgpu-1")),
            ("Bearer ", Some("")),
            ("Bearer", None),
            ("Basic zgpu-1", None),
            ("zgpu-1", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(bearer(header), expected, "{header:?}");
        }
    }
}
