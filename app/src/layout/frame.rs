use leptos::prelude::*;
use leptos_router::components::Outlet;
use types::tenancy::Viewer;

use super::page_change::PageChange;
use super::sidebar::{BottomBar, Sidebar, TopBar};
use crate::components::load::Load;
use crate::server_fns::session::viewer;

/// The id of the part that changes from page to page.
pub const CONTENT: &str = "content";

/// The frame around every page of someone who is signed in.
///
/// With a page of the server's it is known at once who that is. What has to be waited for the server
/// draws several times until it is there; a page inside would be drawn, and would read all it shows,
/// as often.
#[component]
pub fn Frame() -> impl IntoView {
    let known = SharedValue::new(viewer_of_request).into_inner();
    let framed = match known {
        Some(viewer) => view! { <Framed viewer/> }.into_any(),
        None => view! { <Waiting/> }.into_any(),
    };
    view! {
        <a class="skip-link" href=format!("#{CONTENT}") rel="external">"Skip to content"</a>
        {framed}
    }
    .into_any()
}

/// Who is signed in, as far as the request tells; the browser has to ask.
fn viewer_of_request() -> Option<Viewer> {
    #[cfg(feature = "ssr")]
    return crate::ssr::viewer().ok();
    #[cfg(not(feature = "ssr"))]
    None
}

/// After a sign-in without a new page.
#[component]
fn Waiting() -> impl IntoView {
    let viewer = Resource::new_blocking(|| (), |()| viewer());
    view! {
        <Load
            resource=viewer
            skeleton=|| view! { <div class="frame"></div> }
            content=|viewer| view! { <Framed viewer/> }
        />
    }
    .into_any()
}

#[component]
fn Framed(viewer: Viewer) -> impl IntoView {
    #[cfg(not(feature = "ssr"))]
    crate::server_fns::page_client::show(viewer.organization);
    view! {
        <div class="frame">
            <TopBar organization=viewer.organization_name.clone()/>
            <Sidebar viewer/>
            <main id=CONTENT class="content" tabindex="-1">
                <Outlet/>
            </main>
            <BottomBar/>
        </div>
        <PageChange/>
    }
    .into_any()
}
