-- Comparing the gateway, the ledger and our payments; and notices that could not be applied.

-- The last comparison of each account of the gateway's, and when the next one is due.
create table comparisons (
    gateway_account text primary key not null,
    -- When a process may begin the next one: taken by whoever moves it on.
    due_at bigint not null,
    -- Cards are compared customer by customer, some in each run: after which organization the next
    -- run goes on. Empty: from the first.
    cards_after text not null,
    -- What the last one found, as JSON. Null until one has ended.
    report text
);

-- Serves comparing: what is ours since a time, in order.
create index payments_by_account on payments (gateway_account, created_at, id);
create index refunds_by_account on refunds (gateway_account, requested_at, id);

-- When a person has dealt with a notice that could not be applied.
alter table gateway_events add column dismissed_at bigint;

-- Serves showing what nobody has dealt with.
create index gateway_events_parked on gateway_events (received_at, id)
    where outcome in ('conflicting', 'unreadable', 'parked') and dismissed_at is null;

-- Notices that fail while the gateway sends them again; past a number of attempts they are parked.
create table gateway_event_failures (
    id text primary key not null,
    kind text not null,
    gateway_intent text,
    -- By the gateway's clock.
    occurred_at bigint not null,
    attempts bigint not null check (attempts > 0),
    first_failed_at bigint not null,
    last_failed_at bigint not null,
    -- Why it failed last, in words for the operator.
    error text not null
);
