use leptos::prelude::*;
use types::pricing::PlanView;

use crate::components::icon::{Glyph, Icon};
use crate::components::price_table::PriceTable;

/// Pay as you go: what is cheapest and what this organization uses most.
#[component]
pub fn PlanCard(plan: PlanView) -> impl IntoView {
    view! {
        <section class="card plan-card" aria-labelledby="plan-title">
            <div class="card-head">
                <h2 id="plan-title">"Plan"</h2>
                <a class="quiet-link" href="/models">
                    <span>"All models and prices"</span>
                    <Icon glyph=Glyph::ArrowRight/>
                </a>
            </div>
            <p class="plan-name">
                <strong>"Pay as you go"</strong>
                " Billed by usage, priced per 1M input and output tokens by model."
            </p>
            <div class="plan-tables">
                {(!plan.most_used.is_empty()).then(|| view! {
                    <PriceTable title="Your most used" models=plan.most_used.clone()/>
                })}
                <PriceTable title="Lowest prices" models=plan.cheapest/>
            </div>
        </section>
    }
    .into_any()
}
