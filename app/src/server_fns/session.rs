use leptos::prelude::*;
use types::ids::OrganizationId;
use types::tenancy::{OrganizationView, Viewer};

use crate::error::AppError;
#[cfg(feature = "ssr")]
use crate::ssr;

/// The sign-in form's name, where a refusal is kept for it.
pub const SIGN_IN_FORM: &str = "sign_in";

/// Signs in and leads to `next`.
#[server(name = SignIn, prefix = "/api", endpoint = "sign_in")]
pub async fn sign_in(
    email: String,
    password: String,
    #[server(default)] next: String,
) -> Result<(), AppError> {
    let next = ssr::local_path(&next);
    let back = format!("/login?next={}", leptos_router::location::Url::escape(next));
    let form = ssr::Form {
        name: SIGN_IN_FORM,
        back: &back,
        unsure: &back,
        typed: &[("email", &email)],
    };
    let result = open_session(&email, &password).await;
    if result.is_ok() {
        end_earlier_session().await;
        ssr::go(next);
    }
    form.answer(result, |()| next.to_owned())
}

#[cfg(feature = "ssr")]
async fn open_session(email: &str, password: &str) -> Result<(), AppError> {
    let sessions = ssr::billing()?.sessions();
    let session = sessions
        .sign_in(email.trim(), password, &ssr::client_address())
        .await?;
    ssr::set_session_cookie(&session.token, session.expires_at);
    Ok(())
}

/// The browser has another session now: the one it came with is nobody's any more.
#[cfg(feature = "ssr")]
async fn end_earlier_session() {
    if let (Ok(billing), Ok(session)) = (ssr::billing(), ssr::session())
        && let Err(error) = billing.sessions().sign_out(&session.token).await
    {
        // It ends by itself a week after it was last used.
        tracing::warn!(%error, "an earlier session of a browser was not ended");
    }
}

/// Ends the session. Ending one that has ended already is no error; the browser is signed out
/// whatever becomes of it.
#[server(name = SignOut, prefix = "/api", endpoint = "sign_out")]
pub async fn sign_out() -> Result<(), AppError> {
    if let (Ok(billing), Ok(session)) = (ssr::billing(), ssr::session())
        && let Err(error) = billing.sessions().sign_out(&session.token).await
    {
        // Its cookie goes all the same, and it ends by itself a week after it was last used.
        tracing::error!(%error, "a session was not ended");
    }
    ssr::clear_session_cookie();
    ssr::go("/login");
    Ok(())
}

/// Who is signed in, for the frame around the pages.
#[server(name = GetViewer, prefix = "/api", endpoint = "viewer")]
pub async fn viewer() -> Result<Viewer, AppError> {
    ssr::respond(ssr::viewer())
}

/// The organizations that the person may go to, this one among them.
#[server(name = GetOrganizations, prefix = "/api", endpoint = "organizations")]
pub async fn organizations() -> Result<Vec<OrganizationView>, AppError> {
    ssr::respond(list_organizations().await)
}

#[cfg(feature = "ssr")]
async fn list_organizations() -> Result<Vec<OrganizationView>, AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?.tenancy().organizations(viewer.user).await?)
}

/// Goes on in another organization of the same person, under a new session.
#[server(name = SwitchOrganization, prefix = "/api", endpoint = "switch_organization")]
pub async fn switch_organization(id: OrganizationId) -> Result<(), AppError> {
    let form = ssr::Form {
        name: "organization",
        back: "/billing",
        unsure: "/billing",
        typed: &[],
    };
    form.answer(change_session(id).await, |()| "/billing".to_owned())
}

#[cfg(feature = "ssr")]
async fn change_session(organization: OrganizationId) -> Result<(), AppError> {
    let session = ssr::session()?;
    let sessions = ssr::billing()?.sessions();
    let Some(new) = sessions.switch(&session.token, organization).await? else {
        return Err(AppError::NotFound {
            message: "You are not a member of this organization any more.".to_owned(),
            field: None,
        });
    };
    ssr::set_session_cookie(&new.token, new.expires_at);
    Ok(())
}
