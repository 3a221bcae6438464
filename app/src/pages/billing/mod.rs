//! The Billing page: balance, adding credit, cards, recent history, plan.

mod add_card;
mod add_credit;
mod balance_card;
mod bank;
mod card_news;
mod card_removal;
mod history_card;
mod methods_card;
mod patience;
mod plan_card;
mod result_notice;
mod skeleton;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::params::ParamsMap;
use serde::{Deserialize, Serialize};
use types::ids::{PaymentMethodId, TopUpId};
use types::payment::PaymentMethodView;
use types::tenancy::Role;
use types::top_up::TopUpView;

use self::add_card::{AddCardDialog, AddCardForm};
use self::add_credit::{AddCreditDialog, PlainTopUp, Settling, TopUpForm, Typed};
use self::balance_card::BalanceCard;
use self::card_news::CardNews;
use self::card_removal::RemovalDialog;
use self::history_card::HistoryCard;
use self::methods_card::MethodsCard;
use self::plan_card::PlanCard;
use self::result_notice::{
    DisputeBanner, NotStartedNotice, OwedBanner, ResultNotice, UnknownNotice, WaitingNotice,
};
use self::skeleton::BillingSkeleton;
use crate::browser;
use crate::browser::attempt::{Attempt, Stage};
use crate::components::icon::{Glyph, Icon};
use crate::components::load::Load;
use crate::components::notice::{Notice, NoticeKind};
use crate::components::page_header::PageHeader;
use crate::error::AppError;
#[cfg(not(feature = "ssr"))]
use crate::layout::stripe_script::StripeScript;
use crate::server_fns::billing_page::{BillingPage as Page, billing_page};
use crate::server_fns::payment_method::PAYMENT_METHOD_FORM;
use crate::server_fns::refusal::{Refusal, take_refusal};
#[cfg(feature = "ssr")]
use crate::server_fns::top_up::form_page;
use crate::server_fns::top_up::{TOP_UP_FORM, top_up_status};

/// How the top-up stands that the address names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Standing {
    /// The address names none.
    NotAsked,
    NotStarted(TopUpId),
    Known(TopUpView),
    /// It could not be found out; the page stands all the same.
    Unknown(TopUpId),
}

async fn load(top_up: Option<TopUpId>) -> Result<(Page, Standing), AppError> {
    // First the top-up: asking may settle it, and the balance should already show it.
    let standing = match top_up {
        None => Standing::NotAsked,
        Some(id) => match top_up_status(id).await {
            Ok(None) => Standing::NotStarted(id),
            Ok(Some(top_up)) => Standing::Known(top_up),
            Err(_) => {
                #[cfg(feature = "ssr")]
                crate::ssr::keep_page();
                Standing::Unknown(id)
            }
        },
    };
    Ok((billing_page().await?, standing))
}

#[component]
pub fn BillingPage() -> impl IntoView {
    #[cfg(not(feature = "ssr"))]
    if StripeScript::of_document() == StripeScript::Elsewhere {
        return view! { <FromTheServer/> }.into_any();
    }
    let asked = Asked::read(&use_query_map().get_untracked());
    #[cfg(feature = "ssr")]
    asked.name_form();
    // Shared with the browser, so that it takes over the page as the server rendered it.
    let refusals = SharedValue::new(|| Refusals {
        top_up: take_refusal(TOP_UP_FORM),
        payment_method: take_refusal(PAYMENT_METHOD_FORM),
    })
    .into_inner();
    let top_up = asked.top_up;
    let page = Resource::new_blocking(|| (), move |()| load(top_up));
    view! {
        <Title text="Billing"/>
        <PageHeader title="Billing" purpose="Credit, cards and history of your organization."/>
        <Load
            resource=page
            skeleton=|| view! { <BillingSkeleton/> }
            content=move |(page, standing)| {
                view! { <Content page standing asked=asked.clone() refusals=refusals.clone()/> }
            }
        />
    }
    .into_any()
}

/// Reached without a new document, from a page whose content policy keeps the gateway's script out:
/// the page is loaded from the server, which lets it in.
#[cfg(not(feature = "ssr"))]
#[component]
fn FromTheServer() -> impl IntoView {
    Effect::new(browser::reload_after_navigation);
    view! { <BillingSkeleton/> }
}

/// What the address asks for.
#[derive(Debug, Clone)]
struct Asked {
    /// The form that adds credit without script.
    add: bool,
    /// The top-up that the form sends, or whose standing is to be told.
    top_up: Option<TopUpId>,
    /// The card to confirm the removal of.
    remove: Option<PaymentMethodId>,
    /// Saving a card, which script opens a dialog for.
    add_card: bool,
}

impl Asked {
    fn read(query: &ParamsMap) -> Self {
        let top_up = query.get("add").or_else(|| query.get("top_up"));
        Self {
            add: query.get("add").is_some(),
            top_up: top_up.and_then(|id| id.parse().ok()),
            remove: query.get("remove").and_then(|id| id.parse().ok()),
            add_card: query.get("add_card").is_some(),
        }
    }

    /// The form's id stands in the page's address: whoever comes back to it by the Back button or
    /// by reloading finds the same payment, and not a new one.
    #[cfg(feature = "ssr")]
    fn name_form(&self) {
        if self.add && self.top_up.is_none() {
            crate::ssr::go(&form_page(TopUpId::generate()));
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Refusals {
    top_up: Option<Refusal>,
    payment_method: Option<Refusal>,
}

#[component]
fn Content(page: Page, standing: Standing, asked: Asked, refusals: Refusals) -> impl IntoView {
    let may_change = page.role.may_change_money();
    let page = RwSignal::new(page);
    let refresh = Callback::new(move |()| refresh(page));
    let known = match &standing {
        Standing::Known(top_up) => Some(top_up.clone()),
        Standing::NotAsked | Standing::NotStarted(_) | Standing::Unknown(_) => None,
    };
    let form = TopUpForm::new(page, known, refresh);
    let news = CardNews::new();
    let adding_card = AddCardForm::new(page, news, refresh);
    // A payment that was not started is offered again, under its id.
    let plain_form = RwSignal::new(match standing {
        Standing::NotStarted(id) if may_change => Some(id),
        Standing::NotStarted(_)
        | Standing::NotAsked
        | Standing::Known(_)
        | Standing::Unknown(_) => None,
    });
    let plain_removal = RwSignal::new(asked.remove.filter(|_| may_change));
    let plain_adding = RwSignal::new(asked.add_card && may_change);
    let removing = RwSignal::new(None::<PaymentMethodView>);
    let top_up_refusal = StoredValue::new(refusals.top_up);
    if may_change {
        take_over(TakeOver {
            form,
            plain_form,
            plain_removal,
            removing,
            plain_adding,
            adding_card,
            refusal: top_up_refusal,
        });
    }
    let balance =
        Memo::new(move |_| page.with(|page| (page.balance, page.daily.clone(), page.runway_days)));
    let methods = Memo::new(move |_| page.with(|page| page.payment_methods.clone()));
    let recent = Memo::new(move |_| page.with(|page| page.recent.clone()));
    let waiting = Memo::new(move |_| page.with(|page| page.waiting));
    let dispute = Memo::new(move |_| page.with(|page| page.dispute));
    let settling = Memo::new(move |_| page.with(|page| Settling::of(&page.balance, page.limits)));
    let plan = page.with_untracked(|page| page.plan.clone());
    let (role, limits) = page.with_untracked(|page| (page.role, page.limits));
    view! {
        {move || form.notice.get().map(|top_up| view! { <ResultNotice top_up role/> })}
        {matches!(standing, Standing::Unknown(_)).then(|| view! { <UnknownNotice/> })}
        {(matches!(standing, Standing::NotStarted(_)) && !asked.add).then(|| view! {
            <NotStartedNotice/>
        })}
        {move || dispute.get().map(|dispute| view! { <DisputeBanner dispute/> })}
        {move || settling.get().map(|settling| view! { <OwedBanner settling role form/> })}
        {may_change.then(|| view! { <WaitingNotice waiting form/> })}
        {refusals.payment_method.filter(|refusal| !refusal.message.is_empty()).map(|refusal| view! {
            <Notice kind=NoticeKind::Bad>{refusal.message}</Notice>
        })}
        {move || plain_form.get().map(|id| page.with_untracked(|page| view! {
            <PlainTopUp
                id
                methods=page.payment_methods.clone()
                balance=page.balance
                limits=page.limits
                refusal=top_up_refusal.get_value()
            />
        }))}
        <div class="billing-grid">
            {move || {
                let (balance, daily, runway_days) = balance.get();
                view! {
                    <BalanceCard balance limits daily runway_days>
                        <AddCreditButton role form/>
                    </BalanceCard>
                }
            }}
            {move || view! {
                <MethodsCard
                    methods=methods.get()
                    role
                    refresh
                    adding=adding_card
                    removing
                    plain_removal
                    plain_adding
                    news
                />
            }}
            <HistoryCard rows=recent/>
            <PlanCard plan/>
        </div>
        {may_change.then(|| view! {
            <AddCreditDialog form/>
            <AddCardDialog form=adding_card page/>
            <RemovalDialog removing page news refresh/>
        })}
    }
    .into_any()
}

/// The page's one green button: a dialog with script, a form in the page without.
#[component]
fn AddCreditButton(role: Role, form: TopUpForm) -> impl IntoView {
    if !role.may_change_money() {
        return view! {
            <p class="why-not">
                "Owners and billing admins add credit. You are signed in as "
                {role.label()}"."
            </p>
        }
        .into_any();
    }
    view! {
        <a
            class="button button-primary"
            href="/billing?add=1"
            on:click=move |event| browser::instead_of_following(&event, || form.open())
        >
            <Icon glyph=Glyph::Plus/>
            <span>"Add to credit balance"</span>
        </a>
    }
    .into_any()
}

/// Asks for the page again without taking down what is on it.
fn refresh(page: RwSignal<Page>) {
    spawn_local(async move {
        // Without an answer the page keeps what it shows; the next change asks again.
        if let Ok(fresh) = billing_page().await {
            page.try_set(fresh);
        }
    });
}

/// What the browser makes into dialogs once it has taken over.
#[derive(Clone, Copy)]
struct TakeOver {
    form: TopUpForm,
    plain_form: RwSignal<Option<TopUpId>>,
    plain_removal: RwSignal<Option<PaymentMethodId>>,
    removing: RwSignal<Option<PaymentMethodView>>,
    plain_adding: RwSignal<bool>,
    adding_card: AddCardForm,
    refusal: StoredValue<Option<Refusal>>,
}

/// Once the browser has taken over: the forms that were in the page for want of script become
/// dialogs with what was typed into them, and an attempt that a reload interrupted, or that waits
/// for its bank, goes on where it was.
fn take_over(parts: TakeOver) {
    let navigate = use_navigate();
    Effect::new(move || {
        let TakeOver {
            form,
            plain_form,
            plain_removal,
            removing,
            plain_adding,
            adding_card,
            refusal,
        } = parts;
        let has_resumed = resume(form);
        adding_card.resume(form.is_open);
        if let Some(id) = plain_form.get_untracked() {
            if has_resumed {
                form.open();
            } else {
                form.open_with(refusal.with_value(|refusal| Typed::read(id, refusal.as_ref())));
            }
        } else if let Some(id) = plain_removal.get_untracked() {
            let methods = form
                .page
                .with_untracked(|page| page.payment_methods.clone());
            removing.set(methods.into_iter().find(|method| method.id == id));
        } else if plain_adding.get_untracked() {
            // What is under way has its dialog; there is one at a time.
            if !has_resumed {
                adding_card.open();
            }
        } else if !has_resumed {
            return;
        }
        plain_form.set(None);
        plain_removal.set(None);
        plain_adding.set(false);
        navigate(
            "/billing",
            NavigateOptions {
                replace: true,
                scroll: false,
                ..Default::default()
            },
        );
    });
}

/// Goes on with what is under way, if anything is.
fn resume(form: TopUpForm) -> bool {
    let kept = Attempt::find(form.organization());
    let named = form.notice.get_untracked().filter(TopUpView::is_open);
    match (kept, named) {
        // The address names what waits, here or on another device.
        (_, Some(top_up)) => form.resume(Attempt {
            id: top_up.id,
            amount: top_up.amount,
            organization: form.organization(),
            stage: Stage::Sent,
        }),
        (Some(kept), None) if kept.stage == Stage::Sent && kept.is_put_away() => form.follow(kept),
        (Some(kept), None) if kept.stage == Stage::Sent => form.resume(kept),
        (Some(kept), None) => {
            form.use_again(kept);
            return false;
        }
        (None, None) => return false,
    }
    true
}
