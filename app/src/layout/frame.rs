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
#[component]
pub fn Frame() -> impl IntoView {
    let viewer = Resource::new_blocking(|| (), |()| viewer());
    view! {
        <a class="skip-link" href=format!("#{CONTENT}") rel="external">"Skip to content"</a>
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
    // Pages below ask for the role and the organization of the person in front of them.
    provide_context(viewer.clone());
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
