use leptos::prelude::*;
use types::pricing::{ModelView, Rate};

/// A few models with their prices per 1M tokens.
#[component]
pub fn PriceTable(title: &'static str, models: Vec<ModelView>) -> impl IntoView {
    view! {
        <table class="table price-table">
            <thead>
                <tr>
                    <th scope="col">{title}</th>
                    <th scope="col" class="numeric">"Input"</th>
                    <th scope="col" class="numeric">"Output"</th>
                </tr>
            </thead>
            <tbody>
                {models
                    .into_iter()
                    .map(|model| view! {
                        <tr>
                            <th scope="row" class="mono">{model.model}</th>
                            <td class="numeric"><Price rate=model.rates.input/></td>
                            <td class="numeric"><Price rate=model.rates.output/></td>
                        </tr>
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

/// A price per 1M tokens, never rounded.
#[component]
pub fn Price(rate: Option<Rate>) -> impl IntoView {
    match rate {
        Some(rate) => view! { <span class="money">{rate.label()}</span> }.into_any(),
        None => view! { <span class="faint">"Not billed"</span> }.into_any(),
    }
}
