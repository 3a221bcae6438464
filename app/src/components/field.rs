use leptos::prelude::*;
use types::payment::PaymentField;
use web_sys::HtmlInputElement;

use super::icon::{Glyph, Icon};
use super::problem::{Problems, input_id};

/// How a keyboard and a password manager should treat an input.
#[derive(Debug, Clone, Copy)]
pub struct InputKind {
    pub autocomplete: &'static str,
    pub inputmode: &'static str,
    pub placeholder: &'static str,
}

/// Gets the element and does the writing: some fields reformat what is typed.
pub type Typing = Box<dyn Fn(&HtmlInputElement, RwSignal<String>)>;

/// A labelled input of a payment form, with its hint and its message.
#[component]
pub fn PaymentInput(
    field: PaymentField,
    label: &'static str,
    kind: InputKind,
    value: RwSignal<String>,
    problems: Problems,
    on_input: Typing,
    /// Runs when the person has changed the input and goes on.
    #[prop(optional)]
    on_leave: Option<Callback<()>>,
    #[prop(optional)] hint: Option<String>,
    /// Stands in the box before what is typed, such as `$`.
    #[prop(optional)]
    before: Option<&'static str>,
    /// Stands in the box behind what is typed, such as the card's brand.
    #[prop(optional)]
    after: Option<AnyView>,
) -> impl IntoView {
    let id = input_id(field);
    let message = problems.message(field);
    let has_hint = hint.is_some();
    let described_by = move || match (message.get().is_some(), has_hint) {
        (true, _) => Some(format!("{id}-problem")),
        (false, true) => Some(format!("{id}-hint")),
        (false, false) => None,
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <div class="input-box">
                {before.map(|text| view! { <span class="input-before" aria-hidden="true">{text}</span> })}
                <input
                    id=id
                    type="text"
                    autocomplete=kind.autocomplete
                    inputmode=kind.inputmode
                    placeholder=kind.placeholder
                    spellcheck="false"
                    aria-invalid=move || message.get().is_some().then_some("true")
                    aria-describedby=described_by
                    prop:value=move || value.get()
                    on:input=move |event| {
                        on_input(&event_target::<HtmlInputElement>(&event), value);
                        problems.clear_at(field);
                    }
                    on:change=move |_| {
                        // An input that is taken down with the focus in it is left as well: then
                        // there is nobody to tell any more.
                        if let Some(on_leave) = on_leave {
                            on_leave.try_run(());
                        }
                    }
                />
                {after}
            </div>
            {move || match (message.get(), &hint) {
                (Some(message), _) => view! { <FieldProblem id=format!("{id}-problem") message/> }.into_any(),
                (None, Some(hint)) => {
                    view! { <p class="field-hint" id=format!("{id}-hint")>{hint.clone()}</p> }.into_any()
                }
                (None, None) => ().into_any(),
            }}
        </div>
    }
    .into_any()
}

/// The message under an input, named by the input's `aria-describedby`.
#[component]
pub fn FieldProblem(id: String, message: String) -> impl IntoView {
    view! {
        <p class="field-problem" id=id>
            <Icon glyph=Glyph::Alert/>
            <span>{message}</span>
        </p>
    }
    .into_any()
}
