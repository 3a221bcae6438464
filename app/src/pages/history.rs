use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::location::Url;
use types::history::{HistoryCursor, HistoryPage as Page, HistoryRow};

use crate::browser::{self, place};
use crate::components::history_table::{HistoryTable, row_id};
use crate::components::icon::{Glyph, Icon};
use crate::components::load::Load;
use crate::components::page_header::PageHeader;
use crate::components::problem::{GeneralProblem, Problem, Problems, explained};
use crate::server_fns::history::{MOST_PAGES, history_page};

/// Which part of the history is shown. It stands in the address, so that whoever comes back finds
/// the place again.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Without script "Load more" leads to the next page by its cursor.
    after: StoredValue<Option<String>>,
    /// With script it adds a page below.
    pages: RwSignal<u32>,
}

impl Part {
    fn read() -> Self {
        let query = use_query_map().get_untracked();
        let pages = query.get("pages").and_then(|pages| pages.parse().ok());
        Self {
            after: StoredValue::new(query.get("after")),
            pages: RwSignal::new(pages.unwrap_or(1).clamp(1, MOST_PAGES)),
        }
    }

    fn is_newest(self) -> bool {
        self.after.with_value(Option::is_none)
    }

    fn address(self) -> String {
        let pages = self.pages.get_untracked();
        let after = self.after.get_value();
        match (after.map(|after| Url::escape(&after)), pages) {
            (None, 1) => "/billing/history".to_owned(),
            (None, pages) => format!("/billing/history?pages={pages}"),
            (Some(after), 1) => format!("/billing/history?after={after}"),
            (Some(after), pages) => format!("/billing/history?after={after}&pages={pages}"),
        }
    }
}

/// Billing History: every movement, newest first.
#[component]
pub fn HistoryPage() -> impl IntoView {
    let part = Part::read();
    let page = Resource::new_blocking(
        || (),
        move |()| history_page(part.after.get_value(), Some(part.pages.get_untracked())),
    );
    let above = view! {
        <a class="quiet-link back-link" href="/billing">
            <Icon glyph=Glyph::ArrowLeft/>
            <span>"Back to Billing"</span>
        </a>
    };
    keep_place(part);
    view! {
        <Title text="Billing History"/>
        <PageHeader
            title="Billing History"
            purpose="Every movement of your credit balance, newest first."
            above=above.into_any()
        />
        <Load
            resource=page
            skeleton=|| view! { <div class="card history-page skeleton" role="status" aria-label="Loading"></div> }
            content=move |page| view! { <Rows page part/> }
        />
    }
    .into_any()
}

/// Remembers how far down the page is, for when it is come back to.
fn keep_place(part: Part) {
    Effect::new(move || {
        let now = StoredValue::new(place::now());
        // By itself the page moves only after it was left; what counts is where it was before.
        let listener = window_event_listener(ev::scroll, move |_| now.set_value(place::now()));
        on_cleanup(move || {
            listener.remove();
            place::keep(&part.address(), now.get_value());
        });
    });
}

#[component]
fn Rows(page: Page, part: Part) -> impl IntoView {
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
    Effect::new(move || place::restore(&part.address()));
    view! {
        {(!part.is_newest()).then(|| view! {
            <p class="newest">
                // The page itself is shown anew, with other rows: by the browser.
                <a class="quiet-link" href="/billing/history" rel="external">
                    <span>"Newest rows"</span>
                </a>
            </p>
        })}
        <section class="card history-page">
            <HistoryTable rows caption="Billing history"/>
            {move || next.get().map(|cursor| view! { <LoadMore cursor rows next part/> })}
        </section>
    }
    .into_any()
}

#[component]
fn LoadMore(
    cursor: HistoryCursor,
    rows: RwSignal<Vec<HistoryRow>>,
    next: RwSignal<Option<HistoryCursor>>,
    part: Part,
) -> impl IntoView {
    let (loading, problems) = (RwSignal::new(false), Problems::new());
    let href = format!("/billing/history?after={}", Url::escape(&cursor.0));
    let navigate = use_navigate();
    let load = move || {
        if loading.get_untracked() {
            return;
        }
        loading.set(true);
        problems.clear();
        let (after, navigate) = (Some(cursor.0.clone()), navigate.clone());
        spawn_local(async move {
            match history_page(after, None).await {
                Ok(page) => {
                    if let Some(first) = page.rows.first() {
                        // The link that had the focus goes away with the last page.
                        browser::focus_after_render(row_id(first));
                    }
                    part.pages.try_update(|pages| *pages += 1);
                    rows.try_update(|rows| rows.extend(page.rows));
                    next.try_set(page.next);
                    keep_in_address(&navigate, part);
                }
                Err(error) => {
                    let error = explained(error).await;
                    problems.show(vec![Problem::from(&error)]);
                    loading.try_set(false);
                }
            }
        });
    };
    view! {
        <div class="load-more">
            <GeneralProblem problems/>
            <a
                class="button"
                href=href
                class:working=move || loading.get()
                on:click=move |event| {
                    // Into another tab the link leads by itself.
                    if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                        event.prevent_default();
                        load();
                    }
                }
            >
                <span>"Load more"</span>
            </a>
        </div>
    }
    .into_any()
}

fn keep_in_address(navigate: &impl Fn(&str, NavigateOptions), part: Part) {
    // What is further down than can be asked for at once is not come back to.
    if part
        .pages
        .try_get_untracked()
        .is_some_and(|pages| pages <= MOST_PAGES)
    {
        navigate(
            &part.address(),
            NavigateOptions {
                replace: true,
                scroll: false,
                ..Default::default()
            },
        );
    }
}
