//! The Billing page: balance, adding credit, cards, recent history, plan.

mod add_card;
mod add_credit;
mod balance_card;
mod card_removal;
mod history_card;
mod methods_card;
mod plan_card;
mod result_notice;
mod skeleton;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use types::ids::TopUpId;
use types::tenancy::Role;
use types::top_up::TopUpView;

use self::add_card::AddCardDialog;
use self::add_credit::{AddCreditDialog, PlainTopUp, TopUpForm};
use self::balance_card::BalanceCard;
use self::history_card::HistoryCard;
use self::methods_card::MethodsCard;
use self::plan_card::PlanCard;
use self::result_notice::ResultNotice;
use self::skeleton::BillingSkeleton;
use crate::browser::attempt::Attempt;
use crate::components::icon::{Glyph, Icon};
use crate::components::load::Load;
use crate::components::notice::{Notice, NoticeKind};
use crate::components::page_header::PageHeader;
use crate::error::AppError;
use crate::server_fns::billing_page::{BillingPage as Page, billing_page};
use crate::server_fns::payment_method::PAYMENT_METHOD_FORM;
use crate::server_fns::refusal::{Refusal, take_refusal};
use crate::server_fns::top_up::{TOP_UP_FORM, top_up_status};

/// The page, and how the top-up stands that a form without script has just led here.
async fn load(top_up: Option<TopUpId>) -> Result<(Page, Option<TopUpView>), AppError> {
    // First the top-up: asking may settle it, and the balance should already show it.
    let top_up = match top_up {
        Some(id) => top_up_status(id).await?,
        None => None,
    };
    Ok((billing_page().await?, top_up))
}

#[component]
pub fn BillingPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let top_up = query.get("top_up").and_then(|id| id.parse().ok());
    let asked = Asked {
        add: query.get("add").is_some(),
        remove: query.get("remove"),
    };
    // Shared with the browser, so that it takes over the page as the server rendered it.
    let refusals = SharedValue::new(|| Refusals {
        top_up: take_refusal(TOP_UP_FORM),
        payment_method: take_refusal(PAYMENT_METHOD_FORM),
    })
    .into_inner();
    let page = Resource::new_blocking(|| (), move |()| load(top_up));
    view! {
        <Title text="Billing"/>
        <PageHeader title="Billing" purpose="Credit, cards and history of your organization."/>
        <Load
            resource=page
            skeleton=|| view! { <BillingSkeleton/> }
            content=move |(page, top_up)| {
                view! { <Content page top_up asked=asked.clone() refusals=refusals.clone()/> }
            }
        />
    }
    .into_any()
}

/// What the address asks for without script.
#[derive(Debug, Clone)]
struct Asked {
    add: bool,
    /// The card to confirm the removal of.
    remove: Option<String>,
}

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Refusals {
    top_up: Option<Refusal>,
    payment_method: Option<Refusal>,
}

#[component]
fn Content(
    page: Page,
    top_up: Option<TopUpView>,
    asked: Asked,
    refusals: Refusals,
) -> impl IntoView {
    let may_change = page.role.may_change_money();
    let page = RwSignal::new(page);
    let refresh = Callback::new(move |()| refresh(page));
    let form = TopUpForm::new(page, refresh);
    let adding_card = RwSignal::new(false);
    let plain_form = RwSignal::new(asked.add && may_change);
    let plain_removal = RwSignal::new(asked.remove.filter(|_| may_change));
    take_over(form, plain_form, plain_removal);
    let balance =
        Memo::new(move |_| page.with(|page| (page.balance, page.daily.clone(), page.runway_days)));
    let methods = Memo::new(move |_| page.with(|page| page.payment_methods.clone()));
    let recent = Memo::new(move |_| page.with(|page| page.recent.clone()));
    let plan = page.with_untracked(|page| page.plan.clone());
    let role = page.with_untracked(|page| page.role);
    view! {
        {top_up.map(|top_up| view! { <ResultNotice top_up/> })}
        {refusals.payment_method.map(|refusal| view! {
            <Notice kind=NoticeKind::Bad>{refusal.message}</Notice>
        })}
        {move || plain_form.get().then(|| page.with_untracked(|page| view! {
            <PlainTopUp
                methods=page.payment_methods.clone()
                limits=page.limits
                refusal=refusals.top_up.clone()
            />
        }))}
        <div class="billing-grid">
            {move || {
                let (balance, daily, runway_days) = balance.get();
                view! {
                    <BalanceCard balance daily runway_days>
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
                    plain_removal
                />
            }}
            <HistoryCard rows=recent/>
            <PlanCard plan/>
        </div>
        {may_change.then(|| view! {
            <AddCreditDialog form/>
            <AddCardDialog open=adding_card page refresh/>
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
            on:click=move |event| {
                event.prevent_default();
                form.open();
            }
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

/// Once the browser has taken over: the forms that were in the page for want of script become
/// dialogs, and an attempt that a reload interrupted goes on where it was.
fn take_over(form: TopUpForm, plain_form: RwSignal<bool>, plain_removal: RwSignal<Option<String>>) {
    let navigate = use_navigate();
    Effect::new(move || {
        if let Some(attempt) = Attempt::find(form.organization()) {
            form.resume(attempt);
        } else if plain_form.get_untracked() {
            form.open();
        } else if plain_removal.with_untracked(Option::is_none) {
            return;
        }
        plain_form.set(false);
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
