use leptos::prelude::*;
use types::tenancy::Viewer;

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
        typed: &[("email", &email)],
    };
    let result = open_session(&email, &password).await;
    if result.is_ok() {
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

/// Ends the session. Ending one that has ended already is no error.
#[server(name = SignOut, prefix = "/api", endpoint = "sign_out")]
pub async fn sign_out() -> Result<(), AppError> {
    if let Ok(session) = ssr::session() {
        ssr::respond(
            ssr::billing()?
                .sessions()
                .sign_out(&session.token)
                .await
                .map_err(Into::into),
        )?;
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
