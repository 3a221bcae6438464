use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::components::A;
use types::tenancy::{OrganizationView, Viewer};

use super::payments_mode::PaymentsMode;
use super::theme_switch::ThemeSwitch;
use crate::browser;
use crate::components::icon::{Glyph, Icon, Mark};
use crate::server_fns::session::{SignOut, SwitchOrganization, organizations};

/// The sidebar's id: on small screens buttons open it as a popover, which needs no script.
const SIDEBAR: &str = "sidebar";

/// One place to go to.
#[derive(Clone, Copy)]
struct Place {
    path: &'static str,
    label: &'static str,
    glyph: Glyph,
}

const MODELS: Place = Place {
    path: "/models",
    label: "Models",
    glyph: Glyph::Cube,
};
const BILLING: Place = Place {
    path: "/billing",
    label: "Billing",
    glyph: Glyph::Wallet,
};

/// Brand, places, person. A column on wide screens, a drawer on narrow ones.
#[component]
pub fn Sidebar(viewer: Viewer) -> impl IntoView {
    view! {
        <aside id=SIDEBAR class="sidebar" popover="auto" aria-label="Workspace">
            <div class="brand-row"><Brand/></div>
            <Organization viewer=viewer.clone()/>
            <nav class="places" aria-label="Main">
                <PlaceGroup title="Build" places=vec![MODELS]/>
                <PlaceGroup title="Manage" places=vec![BILLING]/>
            </nav>
            <Person viewer/>
        </aside>
    }
    .into_any()
}

/// Whose pages these are, and the way to the person's other organizations, if they have any.
#[component]
fn Organization(viewer: Viewer) -> impl IntoView {
    let (id, name) = (
        viewer.organization,
        StoredValue::new(viewer.organization_name),
    );
    let all = Resource::new_blocking(|| (), |()| organizations());
    view! {
        <Suspense fallback=move || view! { <Switcher name=name.get_value() others=Vec::new()/> }>
            {move || Suspend::new(async move {
                // Whose pages these are is known without it.
                let mut others = all.await.unwrap_or_default();
                others.retain(|organization| organization.id != id);
                view! { <Switcher name=name.get_value() others/> }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Switcher(name: String, others: Vec<OrganizationView>) -> impl IntoView {
    let words = view! {
        <span class="organization-initial" aria-hidden="true">{initial(&name)}</span>
        <span class="organization-name">{name.clone()}</span>
    };
    if others.is_empty() {
        return view! { <p class="organization" title=name>{words}</p> }.into_any();
    }
    let choices = others.into_iter().map(|organization| {
        view! {
            <button type="submit" name="id" value=organization.id.to_string()>
                {organization.name}
            </button>
        }
    });
    view! {
        <details class="menu organization-menu">
            <summary class="organization" title=name aria-description="Change organization">
                {words}
                <Icon glyph=Glyph::More/>
            </summary>
            // A plain post: the page that follows starts with nothing of this one in memory.
            <form class="menu-items" method="post" action=SwitchOrganization::url()>
                {choices.collect_view()}
            </form>
        </details>
    }
    .into_any()
}

/// On narrow screens: the brand, whose organization it is, and the drawer's button.
#[component]
pub fn TopBar(organization: String) -> impl IntoView {
    view! {
        <header class="top-bar">
            <button
                type="button"
                class="icon-button drawer-button"
                popovertarget=SIDEBAR
                aria-label="Open menu"
            >
                <Icon glyph=Glyph::Menu/>
            </button>
            <Brand/>
            <span class="top-bar-organization">{organization}</span>
        </header>
    }
    .into_any()
}

/// On a phone: the places within the thumb's reach.
#[component]
pub fn BottomBar() -> impl IntoView {
    view! {
        <nav class="bottom-bar" aria-label="Shortcuts">
            <PlaceLink place=BILLING/>
            <PlaceLink place=MODELS/>
            <button type="button" popovertarget=SIDEBAR>
                <Icon glyph=Glyph::More/>
                <span>"More"</span>
            </button>
        </nav>
    }
    .into_any()
}

#[component]
fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href="/billing" on:click=|_| close_drawer()>
            <Mark/>
            <span>"ZeroGPU"</span>
        </a>
        {(PaymentsMode::of_site() == PaymentsMode::Test).then(|| view! { <TestMode/> })}
    }
    .into_any()
}

/// Nobody shall take play money for their own.
#[component]
fn TestMode() -> impl IntoView {
    view! {
        <span class="pill pill-waiting test-mode" title="Payments are made with test cards. No money moves.">
            "Test mode"
        </span>
    }
    .into_any()
}

#[component]
fn PlaceGroup(title: &'static str, places: Vec<Place>) -> impl IntoView {
    let links = places
        .into_iter()
        .map(|place| view! { <li><PlaceLink place/></li> });
    view! {
        <p class="places-title" aria-hidden="true">{title}</p>
        <ul aria-label=title>{links.collect_view()}</ul>
    }
    .into_any()
}

/// The router marks the link of the page that is open, and of the page above it.
#[component]
fn PlaceLink(place: Place) -> impl IntoView {
    view! {
        <A href=place.path on:click=|_| close_drawer()>
            <Icon glyph=place.glyph/>
            <span>{place.label}</span>
        </A>
    }
    .into_any()
}

#[component]
fn Person(viewer: Viewer) -> impl IntoView {
    view! {
        <div class="person">
            <ThemeSwitch/>
            <div class="person-row">
                <div class="person-words">
                    <span class="person-email" title=viewer.email.clone()>{viewer.email.clone()}</span>
                    <span class="person-role">{viewer.role.label()}</span>
                </div>
                // A plain post: the page that follows starts with nothing of this session in memory.
                <form method="post" action=SignOut::url()>
                    <button type="submit" class="icon-button" title="Sign out" aria-label="Sign out">
                        <Icon glyph=Glyph::SignOut/>
                    </button>
                </form>
            </div>
        </div>
    }
    .into_any()
}

fn initial(name: &str) -> String {
    name.chars()
        .next()
        .map(|letter| letter.to_uppercase().to_string())
        .unwrap_or_default()
}

fn close_drawer() {
    if let Some(sidebar) = browser::element(SIDEBAR) {
        // On wide screens it is no open popover; the refusal is expected there.
        let _ = sidebar.hide_popover();
    }
}
