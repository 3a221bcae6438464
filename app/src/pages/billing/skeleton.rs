use leptos::prelude::*;

/// The page's cards at their heights, while it loads.
#[component]
pub fn BillingSkeleton() -> impl IntoView {
    view! {
        <div class="billing-grid" aria-busy="true" role="status" aria-label="Loading">
            <div class="card balance-card skeleton"></div>
            <div class="card methods-card skeleton"></div>
            <div class="card history-card skeleton"></div>
            <div class="card plan-card skeleton"></div>
        </div>
    }
    .into_any()
}
