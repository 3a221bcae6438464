//! The balance over the last days as a thin line, with the value under the pointer or the
//! keyboard's cursor, and the same numbers as a table.

mod geometry;

use chrono::NaiveDate;
use leptos::prelude::*;
use types::money::Money as Amount;

use self::geometry::{HEIGHT, Plot, WIDTH};
use super::day::day_label;
use super::money::{Money, MoneyStyle};

/// One day: its last balance.
pub type Day = (NaiveDate, Amount);

#[component]
pub fn BalanceLine(days: Vec<Day>) -> impl IntoView {
    if days.iter().all(|(_, balance)| balance.is_zero()) {
        return view! { <EmptyLine/> }.into_any();
    }
    let balances: Vec<_> = days.iter().map(|(_, balance)| balance.nanos()).collect();
    let plot = Plot::of(&balances);
    let ticks = plot
        .ticks
        .iter()
        .map(|tick| view! { <span>{tick.label.clone()}</span> });
    // The first day, the one in the middle and today.
    let dates = [0, days.len() / 2, days.len() - 1]
        .map(|index| view! { <span>{day_label(days[index].0)}</span> });
    view! {
        <figure class="balance-line">
            <div class="balance-plot">
                <div class="balance-ticks" aria-hidden="true">{ticks.collect_view()}</div>
                <Line plot days=days.clone()/>
                <div class="balance-dates" aria-hidden="true">
                    {dates.collect_view()}
                </div>
            </div>
            <details class="balance-table">
                <summary>"Table, by UTC day"</summary>
                <DayTable days/>
            </details>
        </figure>
    }
    .into_any()
}

/// The drawing itself: the arrow keys move the cursor a day, Home and End to either end.
#[component]
fn Line(plot: Plot, days: Vec<Day>) -> impl IntoView {
    let count = days.len();
    let (days, points) = (
        StoredValue::new(days),
        StoredValue::new(plot.points.clone()),
    );
    let cursor = RwSignal::new(None::<usize>);
    let label = move || {
        let at = cursor.get().unwrap_or(count - 1);
        days.with_value(|days| {
            let (day, balance) = days[at];
            format!(
                "{} (UTC): {}",
                day_label(day),
                balance.dollars().rounded_down()
            )
        })
    };
    let follow = move |event: leptos::ev::PointerEvent| {
        // The drawing takes no pointer events of its own: the target is always the frame.
        let frame: web_sys::Element = event_target(&event);
        cursor.set(geometry::nearest(
            event.offset_x(),
            frame.client_width(),
            count,
        ));
    };
    let step = move |event: leptos::ev::KeyboardEvent| {
        let at = cursor.get_untracked().unwrap_or(count - 1);
        let next = match event.key().as_str() {
            "ArrowLeft" => at.saturating_sub(1),
            "ArrowRight" => (at + 1).min(count - 1),
            "Home" => 0,
            "End" => count - 1,
            _ => return,
        };
        event.prevent_default();
        cursor.set(Some(next));
    };
    let mark = move || {
        let at = cursor.get()?;
        let (x, y) = points.with_value(|points| points.get(at).copied())?;
        Some(view! {
            <path class="balance-cursor" d=format!("M{x} 0V{HEIGHT}")/>
            // A line of no length with round ends: a dot that stays round in a stretched frame.
            <path class="balance-dot" d=format!("M{x} {y}h0")/>
        })
    };
    view! {
        <div
            class="balance-frame"
            role="slider"
            tabindex="0"
            aria-label="Balance over the last 30 days"
            aria-valuemin="0"
            aria-valuemax=count - 1
            aria-valuenow=move || cursor.get().unwrap_or(count - 1)
            aria-valuetext=label
            on:keydown=step
            on:pointermove=follow
            on:pointerleave=move |_| cursor.set(None)
            on:blur=move |_| cursor.set(None)
        >
            <svg
                viewBox=format!("0 0 {WIDTH} {HEIGHT}")
                preserveAspectRatio="none"
                aria-hidden="true"
            >
                {plot.ticks.iter().map(|tick| view! {
                    <path class="balance-grid" d=format!("M0 {0}H{WIDTH}", tick.y)/>
                }).collect_view()}
                <path class="balance-area" d=plot.area()/>
                <path class="balance-stroke" d=plot.line()/>
                {mark}
            </svg>
            <output class="balance-readout" aria-hidden="true" class:shown=move || cursor.get().is_some()>
                {label}
            </output>
        </div>
    }
    .into_any()
}

#[component]
fn DayTable(days: Vec<Day>) -> impl IntoView {
    let rows = days.into_iter().rev().map(|(day, balance)| {
        let amount = balance.dollars();
        view! {
            <tr>
                <th scope="row">{day_label(day)}</th>
                <td class="numeric"><Money amount style=MoneyStyle::RoundedDown/></td>
            </tr>
        }
    });
    view! {
        <table class="table">
            <thead>
                <tr>
                    <th scope="col">"Day (UTC)"</th>
                    <th scope="col" class="numeric">"Balance at its end"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn EmptyLine() -> impl IntoView {
    view! {
        <div class="balance-empty">
            <p>"The balance of the last 30 days appears here once you have added credit."</p>
        </div>
    }
    .into_any()
}
