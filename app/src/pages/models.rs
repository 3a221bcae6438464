use leptos::prelude::*;
use leptos_meta::Title;
use types::pricing::ModelView;

use crate::components::count::count;
use crate::components::load::Load;
use crate::components::page_header::PageHeader;
use crate::components::price_table::Price;
use crate::server_fns::models::models;

/// Every model with the prices in force now.
#[component]
pub fn ModelsPage() -> impl IntoView {
    let models = Resource::new_blocking(|| (), |()| models());
    view! {
        <Title text="Models"/>
        <PageHeader title="Models" purpose="What each model costs, per 1M tokens."/>
        <Load
            resource=models
            skeleton=|| view! { <div class="card models-page skeleton" role="status" aria-label="Loading"></div> }
            content=|models| view! { <Prices models/> }
        />
    }
    .into_any()
}

#[component]
fn Prices(models: Vec<ModelView>) -> impl IntoView {
    let total = models.len();
    let models = StoredValue::new(models);
    let search = RwSignal::new(String::new());
    let input = NodeRef::<leptos::html::Input>::new();
    // What was typed before the browser took the page over counts.
    Effect::new(move || {
        if let Some(input) = input.get() {
            search.set(input.value());
        }
    });
    let found = Memo::new(move |_| {
        let wanted = search.with(|text| text.trim().to_lowercase());
        models.with_value(|models| {
            models
                .iter()
                .filter(|model| matches(model, &wanted))
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let summary = move || match found.with(Vec::len) {
        shown if shown == total => format!("{total} models"),
        shown => format!("{shown} of {total} models"),
    };
    view! {
        <section class="card models-page">
            <div class="models-tools">
                <input
                    type="search"
                    class="search"
                    placeholder="Search by name or task"
                    aria-label="Search models"
                    node_ref=input
                    on:input=move |event| search.set(event_target_value(&event))
                />
                <p class="faint" role="status">{summary}</p>
            </div>
            // Its roles are spelled out: folded by style on a phone, some browsers take it for none.
            <table class="table models-table" role="table">
                <caption class="visually-hidden">"Models and their prices"</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        <th scope="col" role="columnheader">"Model"</th>
                        <th scope="col" role="columnheader">"Task"</th>
                        <th scope="col" role="columnheader" class="numeric">"Parameters"</th>
                        <th scope="col" role="columnheader" class="numeric">"Max tokens"</th>
                        <th scope="col" role="columnheader" class="numeric">"Input / 1M"</th>
                        <th scope="col" role="columnheader" class="numeric">"Output / 1M"</th>
                    </tr>
                </thead>
                <tbody role="rowgroup">
                    <For each=move || found.get() key=|model| model.model.clone() let:model>
                        <ModelRow model/>
                    </For>
                </tbody>
            </table>
            {move || found.with(Vec::is_empty).then(|| view! {
                <p class="empty">"No model has that in its name or task."</p>
            })}
        </section>
    }
    .into_any()
}

#[component]
fn ModelRow(model: ModelView) -> impl IntoView {
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="mono">{model.model}</th>
            <td role="cell" class="model-task">{model.task}</td>
            <td role="cell" class="numeric model-parameters">{model.parameters}</td>
            <td role="cell" class="numeric model-limit">{count(model.max_tokens)}</td>
            <td role="cell" class="numeric" data-label="Input"><Price rate=model.rates.input/></td>
            <td role="cell" class="numeric" data-label="Output"><Price rate=model.rates.output/></td>
        </tr>
    }
    .into_any()
}

fn matches(model: &ModelView, wanted: &str) -> bool {
    model.model.to_lowercase().contains(wanted) || model.task.to_lowercase().contains(wanted)
}
