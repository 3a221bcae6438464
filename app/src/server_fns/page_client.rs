//! How a page calls server functions: it says with each call whose page it is.
//!
//! All tabs of a browser share one session. Where a person goes to another organization in one of
//! them, the pages in the others still show the first: what is done there must not happen to the
//! second. Owns what is said; [`crate::ssr::viewer`] refuses what does not fit.

use std::cell::Cell;
use std::future::Future;

use leptos::server_fn::Bytes;
use leptos::server_fn::client::Client;
use leptos::server_fn::client::browser::BrowserClient;
use leptos::server_fn::error::FromServerFnError;
use leptos::server_fn::request::browser::BrowserRequest;
use leptos::server_fn::response::browser::BrowserResponse;
use types::ids::OrganizationId;

/// Carries the id of the organization that the page shows.
pub const ORGANIZATION_HEADER: &str = "x-organization";

thread_local! {
    /// Whose page stands in this tab, once one does.
    static SHOWN: Cell<Option<OrganizationId>> = const { Cell::new(None) };
}

/// From here on the pages of this tab are this organization's.
pub fn show(organization: OrganizationId) {
    SHOWN.set(Some(organization));
}

/// [`BrowserClient`], and whose page it is.
pub struct PageClient;

impl<Error, Input, Output> Client<Error, Input, Output> for PageClient
where
    Error: FromServerFnError,
    Input: FromServerFnError,
    Output: FromServerFnError,
{
    type Request = BrowserRequest;
    type Response = BrowserResponse;

    fn send(
        request: BrowserRequest,
    ) -> impl Future<Output = Result<BrowserResponse, Error>> + Send {
        if let Some(organization) = SHOWN.get() {
            request
                .headers()
                .set(ORGANIZATION_HEADER, &organization.to_string());
        }
        <BrowserClient as Client<Error, Input, Output>>::send(request)
    }

    fn open_websocket(
        path: &str,
    ) -> impl Future<
        Output = Result<
            (
                impl futures::Stream<Item = Result<Bytes, Bytes>> + Send + 'static,
                impl futures::Sink<Bytes> + Send + 'static,
            ),
            Error,
        >,
    > + Send {
        <BrowserClient as Client<Error, Input, Output>>::open_websocket(path)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        <BrowserClient as Client<Error, Input, Output>>::spawn(future);
    }
}
