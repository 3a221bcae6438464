use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use types::history::{HistoryCursor, HistoryPage as Page};

use crate::components::history_table::HistoryTable;
use crate::components::icon::{Glyph, Icon};
use crate::components::load::Load;
use crate::components::notice::{Notice, NoticeKind};
use crate::components::page_header::PageHeader;
use crate::error::AppError;
use crate::server_fns::history::history_page;

/// Billing History: every movement, newest first.
#[component]
pub fn HistoryPage() -> impl IntoView {
    // Without script "Load more" leads to the next page by its cursor.
    let after = use_query_map().with_untracked(|query| query.get("after"));
    let page = Resource::new_blocking(|| (), move |()| history_page(after.clone()));
    let back = view! {
        <a class="quiet-link back-link" href="/billing">
            <Icon glyph=Glyph::ArrowLeft/>
            <span>"Back to Billing"</span>
        </a>
    };
    view! {
        <Title text="Billing History"/>
        <PageHeader
            title="Billing History"
            purpose="Every movement of your credit balance, newest first."
            above=back.into_any()
        />
        <Load
            resource=page
            skeleton=|| view! { <div class="card history-page skeleton" role="status" aria-label="Loading"></div> }
            content=|page| view! { <Rows page/> }
        />
    }
    .into_any()
}

#[component]
fn Rows(page: Page) -> impl IntoView {
    if page.rows.is_empty() {
        return view! {
            <section class="card empty empty-page">
                <Icon glyph=Glyph::Receipt/>
                <h2>"No billing history yet"</h2>
                <p>"Credit that you add and usage that is paid from it appear here."</p>
                <a class="button" href="/billing">"Go to Billing"</a>
            </section>
        }
        .into_any();
    }
    let rows = RwSignal::new(page.rows);
    let next = RwSignal::new(page.next);
    view! {
        <section class="card history-page">
            <HistoryTable rows caption="Billing history"/>
            {move || next.get().map(|cursor| view! { <LoadMore cursor rows next/> })}
        </section>
    }
    .into_any()
}

#[component]
fn LoadMore(
    cursor: HistoryCursor,
    rows: RwSignal<Vec<types::history::HistoryRow>>,
    next: RwSignal<Option<HistoryCursor>>,
) -> impl IntoView {
    let (loading, problem) = (RwSignal::new(false), RwSignal::new(None::<AppError>));
    let href = format!(
        "/billing/history?after={}",
        leptos_router::location::Url::escape(&cursor.0)
    );
    let load = move || {
        if loading.get_untracked() {
            return;
        }
        loading.set(true);
        problem.set(None);
        let after = Some(cursor.0.clone());
        spawn_local(async move {
            match history_page(after).await {
                Ok(page) => {
                    rows.try_update(|rows| rows.extend(page.rows));
                    next.try_set(page.next);
                }
                Err(error) => {
                    problem.try_set(Some(error));
                    loading.try_set(false);
                }
            }
        });
    };
    view! {
        <div class="load-more">
            {move || problem.get().map(|error| view! {
                <Notice kind=NoticeKind::Bad>{error.to_string()}</Notice>
            })}
            <a
                class="button"
                role="button"
                href=href
                class:working=move || loading.get()
                on:click=move |event| {
                    event.prevent_default();
                    load();
                }
            >
                <span>"Load more"</span>
            </a>
        </div>
    }
    .into_any()
}
