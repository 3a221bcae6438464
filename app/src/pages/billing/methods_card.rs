use leptos::form::ActionForm;
use leptos::prelude::*;
use types::ids::PaymentMethodId;
use types::payment::PaymentMethodView;
use types::tenancy::Role;
use wasm_bindgen::JsCast;
use web_sys::Node;

use super::card_removal::PlainRemoval;
use crate::components::brand_mark::BrandMark;
use crate::components::icon::{Glyph, Icon};
use crate::components::notice::{Notice, NoticeKind};
use crate::server_fns::payment_method::SetDefaultPaymentMethod;

/// The saved cards: which is the default, which expire, and adding or removing one.
#[component]
pub fn MethodsCard(
    methods: Vec<PaymentMethodView>,
    role: Role,
    refresh: Callback<()>,
    /// Opens the dialog for a new card.
    adding: RwSignal<bool>,
    /// The card whose removal is asked about in a dialog.
    removing: RwSignal<Option<PaymentMethodView>>,
    /// Without script: the card whose removal is to be confirmed in the page.
    plain_removal: RwSignal<Option<PaymentMethodId>>,
) -> impl IntoView {
    let set_default = ServerAction::<SetDefaultPaymentMethod>::new();
    // What an earlier try came to is not said while the next one is at work.
    let problem = move || {
        let ended = set_default.value().get().and_then(Result::err);
        ended.filter(|_| !set_default.pending().get())
    };
    Effect::new(move || {
        if set_default
            .value()
            .with(|value| matches!(value, Some(Ok(()))))
        {
            refresh.run(());
        }
    });
    let all = StoredValue::new(methods.clone());
    let to_confirm = move || {
        let id = plain_removal.get()?;
        all.with_value(|all| all.iter().find(|method| method.id == id).cloned())
    };
    let is_empty = methods.is_empty();
    let rows = methods.into_iter().map(|method| {
        view! { <MethodRow method role set_default removing/> }
    });
    view! {
        <section class="card methods-card" aria-labelledby="methods-title">
            <div class="card-head">
                <h2 id="methods-title">"Payment methods"</h2>
                {role.may_change_money().then(|| view! {
                    <p class="faint">"Add or change your payment method."</p>
                })}
            </div>
            {move || problem().map(|error| view! {
                <Notice kind=NoticeKind::Bad>{error.to_string()}</Notice>
            })}
            {move || to_confirm().map(|method| view! { <PlainRemoval method all=all.get_value()/> })}
            {if is_empty {
                view! { <NoCards role/> }.into_any()
            } else {
                view! { <ul>{rows.collect_view()}</ul> }.into_any()
            }}
            {if role.may_change_money() {
                view! { <AddCardLink adding/> }.into_any()
            } else {
                view! {
                    <p class="why-not">"Owners and billing admins change payment methods."</p>
                }
                .into_any()
            }}
        </section>
    }
    .into_any()
}

#[component]
fn AddCardLink(adding: RwSignal<bool>) -> impl IntoView {
    view! {
        <a
            class="add-card"
            href="/billing?add=1"
            on:click=move |event| {
                event.prevent_default();
                adding.set(true);
            }
        >
            <Icon glyph=Glyph::Plus/>
            <span>"Add payment method"</span>
        </a>
    }
    .into_any()
}

#[component]
fn NoCards(role: Role) -> impl IntoView {
    let words = if role.may_change_money() {
        "A saved card makes the next top-up two clicks."
    } else {
        "No card is saved yet."
    };
    view! {
        <div class="empty">
            <Icon glyph=Glyph::CreditCard/>
            <p>{words}</p>
        </div>
    }
    .into_any()
}

#[component]
fn MethodRow(
    method: PaymentMethodView,
    role: Role,
    set_default: ServerAction<SetDefaultPaymentMethod>,
    removing: RwSignal<Option<PaymentMethodView>>,
) -> impl IntoView {
    let label = method.card.label();
    view! {
        <li class="method">
            <BrandMark brand=method.card.brand/>
            <span class="method-words">
                <span class="method-label">{label}</span>
                <Expiry method=method.clone()/>
            </span>
            {method.is_default.then(|| view! { <span class="pill">"Default"</span> })}
            {role.may_change_money().then(|| view! { <MethodMenu method set_default removing/> })}
        </li>
    }
    .into_any()
}

#[component]
pub fn Expiry(method: PaymentMethodView) -> impl IntoView {
    let (class, words) = match (method.is_expired, method.expires_soon) {
        (true, _) => ("method-expiry expired", "Expired"),
        (false, true) => ("method-expiry expires-soon", "Expires soon:"),
        (false, false) => ("method-expiry", "Expires"),
    };
    view! { <span class=class>{words}" "{method.card.expiry()}</span> }
}

/// A disclosure works without script; with it, it closes once the focus has left it, and on Escape,
/// which gives the focus back to what opened it.
#[component]
fn MethodMenu(
    method: PaymentMethodView,
    set_default: ServerAction<SetDefaultPaymentMethod>,
    removing: RwSignal<Option<PaymentMethodView>>,
) -> impl IntoView {
    let menu = NodeRef::<leptos::html::Details>::new();
    let close = move || {
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
    };
    let leave = move |event: web_sys::FocusEvent| {
        let to = event
            .related_target()
            .and_then(|target| target.dyn_into::<Node>().ok());
        let stays = menu
            .get_untracked()
            .is_some_and(|menu| menu.contains(to.as_ref()));
        if !stays {
            close();
        }
    };
    let summary = NodeRef::<leptos::html::Summary>::new();
    let remove_href = format!("/billing?remove={}", method.id);
    let label = format!("Change {}", method.card.label());
    let (id, is_default) = (method.id.to_string(), method.is_default);
    view! {
        <details
            class="menu"
            name="method-menu"
            node_ref=menu
            on:focusout=leave
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    close();
                    if let Some(summary) = summary.get_untracked() {
                        let _ = summary.focus();
                    }
                }
            }
        >
            <summary class="icon-button" aria-label=label node_ref=summary>
                <Icon glyph=Glyph::More/>
            </summary>
            // Takes the focus where a browser gives none to what is clicked: it stays in the menu.
            <div class="menu-items" tabindex="-1">
                {(!is_default).then(|| view! {
                    <ActionForm action=set_default>
                        <input type="hidden" name="id" value=id/>
                        <button type="submit" on:click=move |_| close()>"Set as default"</button>
                    </ActionForm>
                })}
                <a
                    class="danger"
                    href=remove_href
                    on:click=move |event| {
                        event.prevent_default();
                        close();
                        removing.set(Some(method.clone()));
                    }
                >
                    "Remove"
                </a>
            </div>
        </details>
    }
    .into_any()
}
