-- Saved cards, top-ups and the money they move. No card number is ever here: a gateway's token,
-- brand, last four, expiry, country and fingerprint are all that is known.

create table gateway_customers (
    organization_id text primary key not null references organizations (id),
    gateway_customer text not null unique,
    created_at bigint not null
);

create table payment_methods (
    id text primary key not null,
    organization_id text not null references organizations (id),
    gateway_method text not null unique,
    brand text not null,
    last_four text not null check (length(last_four) = 4),
    expiry_month bigint not null check (expiry_month between 1 and 12),
    expiry_year bigint not null check (expiry_year between 2000 and 2100),
    country text,
    -- The gateway's: the same card has the same one.
    fingerprint text,
    is_default bigint not null check (is_default in (0, 1)),
    created_at bigint not null,
    removed_at bigint
);

-- At most one default, and a card is saved once.
create unique index payment_methods_default on payment_methods (organization_id)
    where is_default = 1 and removed_at is null;
create unique index payment_methods_by_card on payment_methods (organization_id, fingerprint)
    where removed_at is null;

create table top_ups (
    -- Made by the browser: a repeat of the same act has the same id.
    id text primary key not null,
    organization_id text not null references organizations (id),
    requested_by text not null references users (id),
    amount_cents bigint not null check (amount_cents > 0),
    -- The gateway's token of the card it is paid with.
    gateway_method text not null,
    -- The saved card that was chosen. Null: a new one, which is saved once it has paid.
    payment_method_id text references payment_methods (id),
    state text not null check (
        state in ('processing', 'requires_action', 'succeeded', 'failed', 'canceled')
    ),
    -- Why it failed: only then.
    decline_reason text,
    -- The bank's page: only while it waits for the person.
    action_url text,
    created_at bigint not null,
    updated_at bigint not null,
    check ((state = 'failed') = (decline_reason is not null)),
    check (state = 'requires_action' or action_url is null)
);

-- Serves history, newest first.
create index top_ups_by_organization on top_ups (organization_id, created_at, id);

create table payments (
    -- Also the gateway's idempotency key, stored before the first try.
    id text primary key not null,
    organization_id text not null references organizations (id),
    top_up_id text not null unique references top_ups (id),
    amount_cents bigint not null check (amount_cents > 0),
    gateway_intent text unique,
    fee_cents bigint check (fee_cents >= 0),
    state text not null check (state in ('pending', 'succeeded', 'failed', 'canceled')),
    -- When reconciliation may ask the gateway next.
    ask_at bigint not null,
    card_brand text,
    card_last_four text,
    card_expiry_month bigint,
    card_expiry_year bigint,
    card_country text,
    created_at bigint not null,
    updated_at bigint not null
);

-- Serves reconciliation: what waits for an answer, longest first.
create index payments_pending on payments (ask_at) where state = 'pending';

-- What a gateway told us: each is applied once.
create table gateway_events (
    id text primary key not null,
    kind text not null,
    gateway_intent text,
    outcome text not null check (outcome in ('applied', 'ignored')),
    created_at bigint not null,
    received_at bigint not null
);
