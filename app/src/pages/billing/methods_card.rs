use leptos::form::ActionForm;
use leptos::prelude::*;
use types::payment::PaymentMethodView;
use types::tenancy::Role;

use super::card_removal::{PlainRemoval, RemovalDialog};
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
    /// Without script: the card whose removal is to be confirmed in the page.
    plain_removal: RwSignal<Option<String>>,
) -> impl IntoView {
    let may_change = role.may_change_money();
    let set_default = ServerAction::<SetDefaultPaymentMethod>::new();
    let removing = RwSignal::new(None::<PaymentMethodView>);
    let problem = move || set_default.value().get().and_then(Result::err);
    Effect::new(move || {
        if set_default
            .value()
            .with(|value| matches!(value, Some(Ok(()))))
        {
            refresh.run(());
        }
    });
    let to_confirm = plain_removal.get_untracked().and_then(|id| {
        methods
            .iter()
            .find(|method| method.id.to_string() == id)
            .cloned()
    });
    let is_empty = methods.is_empty();
    let rows = methods.into_iter().map(|method| {
        view! {
            <MethodRow method may_change set_default removing/>
        }
    });
    view! {
        <section class="card methods-card" aria-labelledby="methods-title">
            <div class="card-head">
                <h2 id="methods-title">"Payment methods"</h2>
                {may_change.then(|| view! {
                    <p class="faint">"Add or change your payment method."</p>
                })}
            </div>
            {move || problem().map(|error| view! {
                <Notice kind=NoticeKind::Bad>{error.to_string()}</Notice>
            })}
            {to_confirm.map(|method| view! { <PlainRemoval method/> })}
            {if is_empty {
                view! { <NoCards may_change/> }.into_any()
            } else {
                view! { <ul>{rows.collect_view()}</ul> }.into_any()
            }}
            {if may_change {
                view! { <AddCardLink adding/> }.into_any()
            } else {
                view! {
                    <p class="why-not">"Owners and billing admins change payment methods."</p>
                }
                .into_any()
            }}
            <RemovalDialog removing refresh/>
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
fn NoCards(may_change: bool) -> impl IntoView {
    let words = if may_change {
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
    may_change: bool,
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
            {may_change.then(|| view! { <MethodMenu method set_default removing/> })}
        </li>
    }
    .into_any()
}

#[component]
pub fn Expiry(method: PaymentMethodView) -> impl IntoView {
    let (class, words) = match (method.is_expired, method.expires_soon) {
        (true, _) => ("method-expiry expired", "Expired"),
        (false, true) => ("method-expiry expires-soon", "Expires soon,"),
        (false, false) => ("method-expiry", "Expires"),
    };
    view! { <span class=class>{words}" "{method.card.expiry()}</span> }
}

/// A disclosure works without script; with it, it closes once the focus has left.
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
    let remove_href = format!("/billing?remove={}", method.id);
    let label = format!("Change {}", method.card.label());
    let (id, is_default) = (method.id.to_string(), method.is_default);
    view! {
        <details
            class="menu"
            name="method-menu"
            node_ref=menu
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    close();
                }
            }
        >
            <summary class="icon-button" aria-label=label><Icon glyph=Glyph::More/></summary>
            <div class="menu-items">
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
