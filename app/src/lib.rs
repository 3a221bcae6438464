//! Pages, components and server functions of ZeroGPU Billing: one crate, compiled for the
//! server (`ssr`) and for the browser (`hydrate`).
//!
//! Owns what people see and the answers that their browser may ask for. Knows no SQL, no HTTP
//! client and no environment; only `ssr` and `error` name the domain.

mod browser;
mod components;
pub mod error;
mod layout;
mod pages;
pub mod server_fns;
#[cfg(feature = "ssr")]
pub mod ssr;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Redirect, Route, Router, Routes};
use leptos_router::{SsrMode, path};

pub use layout::document::shell;

use layout::frame::Frame;
use pages::billing::BillingPage;
use pages::history::HistoryPage;
use pages::models::ModelsPage;
use pages::not_found::NotFound;
use pages::sign_in::SignInPage;

/// The route table. Pages are rendered whole before they are sent (`Async`): they must be
/// readable, and the top-up payable, without script.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|page: String| format!("{page} · ZeroGPU Billing")/>
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/login") view=SignInPage ssr=SsrMode::Async/>
                <ParentRoute path=path!("/") view=Frame ssr=SsrMode::Async>
                    <Route path=path!("") view=|| view! { <Redirect path="/billing"/> }/>
                    <Route path=path!("billing") view=BillingPage ssr=SsrMode::Async/>
                    <Route path=path!("billing/history") view=HistoryPage ssr=SsrMode::Async/>
                    <Route path=path!("models") view=ModelsPage ssr=SsrMode::Async/>
                </ParentRoute>
            </Routes>
        </Router>
    }
}
