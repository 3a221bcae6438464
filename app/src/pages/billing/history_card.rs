use leptos::prelude::*;
use types::history::HistoryRow;

use crate::components::history_table::HistoryTable;
use crate::components::icon::{Glyph, Icon};

/// The latest rows, and the way to all of them.
#[component]
pub fn HistoryCard(#[prop(into)] rows: Signal<Vec<HistoryRow>>) -> impl IntoView {
    view! {
        <section class="card history-card" aria-labelledby="history-title">
            <div class="card-head">
                <h2 id="history-title">"Billing history"</h2>
                <a class="quiet-link" href="/billing/history">
                    <span>"View past and current invoices"</span>
                    <Icon glyph=Glyph::ArrowRight/>
                </a>
            </div>
            <Show
                when=move || rows.with(|rows| !rows.is_empty())
                fallback=|| view! {
                    <div class="empty">
                        <Icon glyph=Glyph::Receipt/>
                        <p>"Your first top-up appears here as soon as it is paid."</p>
                    </div>
                }
            >
                <HistoryTable rows caption="The latest billing history"/>
            </Show>
        </section>
    }
    .into_any()
}
