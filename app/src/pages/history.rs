use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::location::Url;
use serde::{Deserialize, Serialize};
use types::history::{HistoryCursor, HistoryPage as Page, HistoryRow};
use types::ids::{RefundId, TopUpId};
use types::refund::{RefundOffer, RefundView};
use types::tenancy::Role;

use crate::browser::{self, place};
use crate::components::history_table::{HistoryTable, row_id};
use crate::components::icon::{Glyph, Icon};
use crate::components::load::Load;
use crate::components::notice::{Notice, NoticeKind};
use crate::components::page_header::PageHeader;
use crate::components::problem::{GeneralProblem, Problem, Problems, explained};
use crate::error::{AppError, sentence};
use crate::pages::refund::{
    PlainRefund, RefundDialog, RefundForm, RefundNotice, Refundable, Typed,
};
use crate::server_fns::history::{MOST_PAGES, history_page};
use crate::server_fns::refund::REFUND_FORM;
#[cfg(feature = "ssr")]
use crate::server_fns::refund::{form_page, refund_offer, refund_status};
use crate::server_fns::refusal::{Refusal, take_refusal};
use crate::server_fns::session::viewer;

/// Which part of the history is shown. It stands in the address, so that whoever comes back finds
/// the place again.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Without script "Load more" leads to the next page by its cursor.
    after: StoredValue<Option<String>>,
    /// With script it adds a page below.
    pages: RwSignal<u32>,
}

impl Part {
    fn read() -> Self {
        let query = use_query_map().get_untracked();
        let pages = query.get("pages").and_then(|pages| pages.parse().ok());
        Self {
            after: StoredValue::new(query.get("after")),
            pages: RwSignal::new(pages.unwrap_or(1).clamp(1, MOST_PAGES)),
        }
    }

    fn is_newest(self) -> bool {
        self.after.with_value(Option::is_none)
    }

    fn address(self) -> String {
        let pages = self.pages.get_untracked();
        let after = self.after.get_value();
        match (after.map(|after| Url::escape(&after)), pages) {
            (None, 1) => "/billing/history".to_owned(),
            (None, pages) => format!("/billing/history?pages={pages}"),
            (Some(after), 1) => format!("/billing/history?after={after}"),
            (Some(after), pages) => format!("/billing/history?after={after}&pages={pages}"),
        }
    }
}

/// Billing History: every movement, newest first.
#[component]
pub fn HistoryPage() -> impl IntoView {
    let part = Part::read();
    let asked = Asked::read();
    #[cfg(feature = "ssr")]
    asked.name_form();
    // Shared with the browser, so that it takes over the page as the server rendered it.
    let refusal = SharedValue::new(|| take_refusal(REFUND_FORM)).into_inner();
    let page = Resource::new_blocking(|| (), move |()| load(part, asked));
    let above = view! {
        <a class="quiet-link back-link" href="/billing">
            <Icon glyph=Glyph::ArrowLeft/>
            <span>"Back to Billing"</span>
        </a>
    };
    keep_place(part);
    view! {
        <Title text="Billing History"/>
        <PageHeader
            title="Billing History"
            purpose="Every movement of your credit balance, newest first."
            above=above.into_any()
        />
        <Load
            resource=page
            skeleton=|| view! { <div class="card history-page skeleton" role="status" aria-label="Loading"></div> }
            content=move |loaded| view! { <Content loaded part refusal=refusal.clone()/> }
        />
    }
    .into_any()
}

/// Remembers how far down the page is, for when it is come back to.
fn keep_place(part: Part) {
    Effect::new(move || {
        let now = StoredValue::new(place::now());
        // By itself the page moves only after it was left; what counts is where it was before.
        let listener = window_event_listener(ev::scroll, move |_| now.set_value(place::now()));
        on_cleanup(move || {
            listener.remove();
            place::keep(&part.address(), now.get_value());
        });
    });
}

/// What the address asks for, of a page that the server makes for want of script.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(feature = "ssr"),
    expect(dead_code, reason = "the server alone answers it")
)]
struct Asked {
    /// The credit to give back.
    refund: Option<TopUpId>,
    /// The refund that the form sends, or whose outcome is to be told.
    id: Option<RefundId>,
}

impl Asked {
    fn read() -> Self {
        let query = use_query_map().get_untracked();
        Self {
            refund: query.get("refund").and_then(|id| id.parse().ok()),
            id: (query.get("refunded").or_else(|| query.get("id"))).and_then(|id| id.parse().ok()),
        }
    }

    /// The form's id stands in the page's address: whoever comes back to it by the Back button or
    /// by reloading finds the same refund, and not a new one.
    #[cfg(feature = "ssr")]
    fn name_form(self) {
        if let (Some(top_up), None) = (self.refund, self.id) {
            crate::ssr::go(&form_page(top_up, RefundId::generate()));
        }
    }
}

/// What the page shows, and to whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Loaded {
    page: Page,
    role: Role,
    /// The form that the address asks for.
    form: Option<Offered>,
    /// The refund that the address asks about.
    refunded: Option<RefundView>,
}

/// What may be given back of a credit, under the id that the form will send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Offered {
    id: RefundId,
    top_up: TopUpId,
    offer: RefundOffer,
}

async fn load(part: Part, asked: Asked) -> Result<Loaded, AppError> {
    let (after, pages) = (part.after.get_value(), part.pages.get_untracked());
    let (page, viewer) = futures::join!(history_page(after, Some(pages)), viewer());
    #[cfg(not(feature = "ssr"))]
    let (form, refunded) = {
        let _ = asked;
        (None, None)
    };
    // The page stands without it: the rows say the same.
    #[cfg(feature = "ssr")]
    let refunded = match asked.id {
        Some(id) => refund_status(id).await.ok().flatten(),
        None => None,
    };
    #[cfg(feature = "ssr")]
    let form = match (asked.refund, asked.id) {
        (Some(top_up), Some(id)) if refunded.is_none() => {
            let offer = refund_offer(top_up).await?;
            offer.map(|offer| Offered { id, top_up, offer })
        }
        (Some(_) | None, _) => None,
    };
    Ok(Loaded {
        page: page?,
        role: viewer?.role,
        form,
        refunded,
    })
}

/// The rows, and what may be given back of them by who may.
#[component]
fn Content(loaded: Loaded, part: Part, refusal: Option<Refusal>) -> impl IntoView {
    let Loaded {
        page,
        role,
        form: offered,
        refunded,
    } = loaded;
    let may_refund = role.may_change_money();
    let shown = RwSignal::new(page);
    let refresh = Callback::new(move |()| {
        spawn_local(async move {
            let (after, pages) = (part.after.get_value(), part.pages.get_untracked());
            // Without an answer the rows stay as they are; the next visit shows them.
            if let Ok(page) = history_page(after, Some(pages)).await {
                // The row that the dialog was closed to is drawn anew where its credit has changed.
                browser::keep_focus(|| {
                    shown.try_set(page);
                });
            }
        });
    });
    let form = RefundForm::new(refresh);
    let in_page = RwSignal::new(offered.filter(|_| may_refund).and_then(|it| {
        let credit = Refundable::of_offer(it.top_up, it.offer)?;
        Some((it.id, credit))
    }));
    // There is no form to say it at.
    let unsaid = match (offered.map(|it| it.offer), &refusal) {
        (Some(RefundOffer::Refused { why }), _) => Some(sentence(&why.to_string())),
        // What became of it is said in its place.
        (None, Some(refusal)) if !refusal.message.is_empty() && refunded.is_none() => {
            Some(refusal.message.clone())
        }
        (Some(RefundOffer::Refundable { .. }), _) | (None, _) => None,
    };
    let refusal = StoredValue::new(refusal);
    take_over(TakeOver {
        form,
        in_page,
        shown,
        part,
        refusal,
    });
    let refund = may_refund.then(|| {
        Callback::new(move |row| {
            if let Some(credit) = Refundable::of_row(&row) {
                form.ask(credit);
            }
        })
    });
    view! {
        {unsaid.filter(|_| may_refund).map(|message| view! {
            <Notice kind=NoticeKind::Bad>{message}</Notice>
        })}
        {refunded.map(|refund| view! { <RefundNotice refund/> })}
        {move || in_page.get().map(|(id, credit)| view! {
            <PlainRefund credit id refusal=refusal.get_value()/>
        })}
        {move || view! { <Rows page=shown.get() part refund/> }}
        {may_refund.then(|| view! { <RefundDialog form/> })}
    }
    .into_any()
}

/// What the browser makes into the dialog once it has taken over.
#[derive(Clone, Copy)]
struct TakeOver {
    form: RefundForm,
    in_page: RwSignal<Option<(RefundId, Refundable)>>,
    shown: RwSignal<Page>,
    part: Part,
    refusal: StoredValue<Option<Refusal>>,
}

/// Once the browser has taken over, the form that was in the page for want of script becomes the
/// dialog, with what was typed into it.
fn take_over(parts: TakeOver) {
    let navigate = use_navigate();
    Effect::new(move || {
        let TakeOver {
            form,
            in_page,
            shown,
            part,
            refusal,
        } = parts;
        let Some((id, credit)) = in_page.get_untracked() else {
            return;
        };
        let typed = refusal.with_value(|refusal| Typed::read(id, refusal.as_ref()));
        // With its row, more is known of it.
        let by_row = shown.with_untracked(|page| {
            let mut credits = page.rows.iter().filter_map(Refundable::of_row);
            credits.find(|row| row.top_up == credit.top_up)
        });
        in_page.set(None);
        form.ask_with(by_row.unwrap_or(credit), typed);
        keep_in_address(&navigate, part);
    });
}

#[component]
fn Rows(page: Page, part: Part, refund: Option<Callback<HistoryRow>>) -> impl IntoView {
    if page.rows.is_empty() {
        return view! {
            <section class="card empty empty-page">
                <Icon glyph=Glyph::Receipt/>
                <h2>"No billing history yet"</h2>
                <p>"Credit that you add and usage that is paid from it appear here."</p>
                <a class="button" href="/billing">"Go to Billing"</a>
            </section>
        }
        .into_any();
    }
    let rows = RwSignal::new(page.rows);
    let next = RwSignal::new(page.next);
    Effect::new(move || place::restore(&part.address()));
    view! {
        {(!part.is_newest()).then(|| view! {
            <p class="newest">
                // The page itself is shown anew, with other rows: by the browser.
                <a class="quiet-link" href="/billing/history" rel="external">
                    <span>"Newest rows"</span>
                </a>
            </p>
        })}
        <section class="card history-page">
            <HistoryTable rows caption="Billing history" refund/>
            {move || next.get().map(|cursor| view! { <LoadMore cursor rows next part/> })}
        </section>
    }
    .into_any()
}

#[component]
fn LoadMore(
    cursor: HistoryCursor,
    rows: RwSignal<Vec<HistoryRow>>,
    next: RwSignal<Option<HistoryCursor>>,
    part: Part,
) -> impl IntoView {
    let (loading, problems) = (RwSignal::new(false), Problems::new("load-more-problem"));
    let href = format!("/billing/history?after={}", Url::escape(&cursor.0));
    let navigate = use_navigate();
    let load = move || {
        if loading.get_untracked() {
            return;
        }
        loading.set(true);
        problems.clear();
        let (after, navigate) = (Some(cursor.0.clone()), navigate.clone());
        spawn_local(async move {
            match history_page(after, None).await {
                Ok(page) => {
                    if let Some(first) = page.rows.first() {
                        // The link that had the focus goes away with the last page.
                        browser::focus_after_render(row_id(&first.id));
                    }
                    part.pages.try_update(|pages| *pages += 1);
                    rows.try_update(|rows| rows.extend(page.rows));
                    next.try_set(page.next);
                    keep_in_address(&navigate, part);
                }
                Err(error) => {
                    let error = explained(error).await;
                    problems.show(vec![Problem::from(&error)]);
                    loading.try_set(false);
                }
            }
        });
    };
    view! {
        <div class="load-more">
            <GeneralProblem problems/>
            <a
                class="button"
                href=href
                class:working=move || loading.get()
                on:click=move |event| browser::instead_of_following(&event, &load)
            >
                <span>"Load more"</span>
            </a>
        </div>
    }
    .into_any()
}

fn keep_in_address(navigate: &impl Fn(&str, NavigateOptions), part: Part) {
    // What is further down than can be asked for at once is not come back to.
    if part
        .pages
        .try_get_untracked()
        .is_some_and(|pages| pages <= MOST_PAGES)
    {
        navigate(
            &part.address(),
            NavigateOptions {
                replace: true,
                scroll: false,
                ..Default::default()
            },
        );
    }
}
