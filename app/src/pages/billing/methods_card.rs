use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos::task::spawn_local;
use types::ids::PaymentMethodId;
use types::payment::PaymentMethodView;
use types::tenancy::Role;
use wasm_bindgen::JsCast;
use web_sys::Node;

use super::add_card::AddCardForm;
use super::card_news::{CardNews, CardNewsLine};
use super::card_removal::PlainRemoval;
use crate::browser;
use crate::components::brand_mark::BrandMark;
use crate::components::icon::{Glyph, Icon};
use crate::components::notice::{Notice, NoticeKind};
use crate::components::problem::{Problem, explained};
use crate::server_fns::payment_method::SetDefaultPaymentMethod;

/// The id of the card's heading, where the focus goes when what had it is gone.
pub const METHODS_TITLE: &str = "methods-title";

/// What the menu of a card does.
#[derive(Clone, Copy)]
struct MenuActs {
    set_default: ServerAction<SetDefaultPaymentMethod>,
    /// Of which card.
    chosen: StoredValue<Option<PaymentMethodView>>,
    /// The card whose removal is asked about in a dialog.
    removing: RwSignal<Option<PaymentMethodView>>,
    news: CardNews,
}

impl MenuActs {
    fn new(
        removing: RwSignal<Option<PaymentMethodView>>,
        news: CardNews,
        refresh: Callback<()>,
    ) -> Self {
        let acts = Self {
            set_default: ServerAction::new(),
            chosen: StoredValue::new(None),
            removing,
            news,
        };
        Effect::new(move || match acts.set_default.value().get() {
            Some(Ok(())) => {
                if let Some(method) = acts.chosen.get_value() {
                    news.say(format!("{} is the default now.", method.card.label()));
                    news.focus_then(menu_id(method.id));
                }
                refresh.run(());
            }
            Some(Err(error)) => spawn_local(async move {
                news.refuse(Problem::from(&explained(error).await));
            }),
            None => {}
        });
        acts
    }
}

/// The saved cards: which is the default, which expire, and adding or removing one.
#[component]
pub fn MethodsCard(
    methods: Vec<PaymentMethodView>,
    role: Role,
    refresh: Callback<()>,
    /// The dialog for a new card.
    adding: AddCardForm,
    /// The card whose removal is asked about in a dialog.
    removing: RwSignal<Option<PaymentMethodView>>,
    /// Without script: the card whose removal is to be confirmed in the page.
    plain_removal: RwSignal<Option<PaymentMethodId>>,
    /// Without script: what saving a card needs is to be said.
    plain_adding: RwSignal<bool>,
    news: CardNews,
) -> impl IntoView {
    let acts = MenuActs::new(removing, news, refresh);
    news.are_drawn();
    let all = StoredValue::new(methods.clone());
    let to_confirm = move || {
        let id = plain_removal.get()?;
        all.with_value(|all| all.iter().find(|method| method.id == id).cloned())
    };
    let is_empty = methods.is_empty();
    let rows = methods.into_iter().map(|method| {
        view! { <MethodRow method role acts/> }
    });
    view! {
        <section class="card methods-card" aria-labelledby="methods-title">
            <div class="card-head">
                <h2 id=METHODS_TITLE tabindex="-1">"Payment methods"</h2>
                {role.may_change_money().then(|| view! {
                    <p class="faint">"Add or change your payment method."</p>
                })}
            </div>
            {role.may_change_money().then(|| view! { <CardNewsLine news/> })}
            {move || adding.is_waiting().then(|| view! { <CardWaits adding/> })}
            {move || to_confirm().map(|method| view! { <PlainRemoval method all=all.get_value()/> })}
            {if is_empty {
                view! { <NoCards role/> }.into_any()
            } else {
                view! { <ul>{rows.collect_view()}</ul> }.into_any()
            }}
            {move || plain_adding.get().then(|| view! {
                <p class="plain-removal" role="status">
                    "To save a card, switch script on in your browser and reload this page: the browser itself gives the card's number to the payment processor."
                </p>
            })}
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

/// A bank's question, while its dialog is closed.
#[component]
fn CardWaits(adding: AddCardForm) -> impl IntoView {
    view! {
        <Notice kind=NoticeKind::Waiting>
            "Your bank wants you to confirm a new card before it is saved. "
            <button type="button" class="link-button" on:click=move |_| adding.open()>
                "Confirm it now"
            </button>
        </Notice>
    }
    .into_any()
}

#[component]
fn AddCardLink(adding: AddCardForm) -> impl IntoView {
    view! {
        <a
            class="add-card"
            href="/billing?add_card=1#methods-title"
            on:click=move |event| browser::instead_of_following(&event, || adding.open())
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
fn MethodRow(method: PaymentMethodView, role: Role, acts: MenuActs) -> impl IntoView {
    let label = method.card.label();
    view! {
        <li class="method">
            <BrandMark brand=method.card.brand/>
            <span class="method-words">
                <span class="method-label">{label}</span>
                <Expiry method=method.clone()/>
            </span>
            {method.is_default.then(|| view! { <span class="pill">"Default"</span> })}
            {role.may_change_money().then(|| view! { <MethodMenu method acts/> })}
        </li>
    }
    .into_any()
}

/// The id of what opens the menu of a card.
fn menu_id(method: PaymentMethodId) -> String {
    format!("card-menu-{method}")
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
fn MethodMenu(method: PaymentMethodView, acts: MenuActs) -> impl IntoView {
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
    // What is chosen in the menu goes with it: the focus stays at what opened it.
    let close_to_summary = move || {
        close();
        if let Some(summary) = summary.get_untracked() {
            let _ = summary.focus();
        }
    };
    let remove_href = format!("/billing?remove={}", method.id);
    let label = format!("Change {}", method.card.label());
    let chosen = method.clone();
    let choose = move || {
        close_to_summary();
        acts.news.clear();
        acts.chosen.set_value(Some(chosen.clone()));
    };
    let summary_id = menu_id(method.id);
    let (id, is_default) = (method.id.to_string(), method.is_default);
    view! {
        <details
            class="menu"
            name="method-menu"
            node_ref=menu
            on:focusout=leave
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    close_to_summary();
                }
            }
        >
            <summary id=summary_id class="icon-button" aria-label=label node_ref=summary>
                <Icon glyph=Glyph::More/>
            </summary>
            // Takes the focus where a browser gives none to what is clicked: it stays in the menu.
            <div class="menu-items" tabindex="-1">
                {(!is_default).then(|| view! {
                    <ActionForm action=acts.set_default>
                        <input type="hidden" name="id" value=id/>
                        <button type="submit" on:click=move |_| choose()>"Set as default"</button>
                    </ActionForm>
                })}
                <a
                    class="danger"
                    href=remove_href
                    on:click=move |event| browser::instead_of_following(&event, || {
                        close_to_summary();
                        acts.news.clear();
                        acts.removing.set(Some(method.clone()));
                    })
                >
                    "Remove"
                </a>
            </div>
        </details>
    }
    .into_any()
}
